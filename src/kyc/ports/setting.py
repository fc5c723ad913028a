"""What people write as the settings of a cloud's account, read into values.

All raise InvalidInputError that names the field.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from kyc.domain.errors import InvalidInputError


def listed(text: str) -> tuple[str, ...]:
    """Return the parts of `a, b`."""
    return tuple(one.strip() for one in text.split(",") if one.strip())


def networks(name: str, text: str) -> tuple[str, ...]:
    """Return the networks of `10.0.0.0/8, 203.0.113.7/32`."""
    try:
        return tuple(str(ipaddress.ip_network(one, strict=False)) for one in listed(text))
    except ValueError as error:
        raise InvalidInputError(f"{name}: {error}", next_step="Give networks such as 203.0.113.0/24.") from error


def root_url(name: str, text: str) -> str:
    """Return an http or https URL without its path."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidInputError(f"{name} is not an http or https URL: {text}")
    return f"{parts.scheme}://{parts.netloc}"
