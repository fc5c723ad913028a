"""What people write as the settings of a cloud's account, read into values.

All raise InvalidInputError that names the field.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from kyc.domain.errors import InvalidInputError


def listed(text: str) -> tuple[str, ...]:
    """Return the parts of `a, b`."""
    return tuple(one.strip() for one in text.split(",") if one.strip())


def pairs(name: str, text: str) -> Mapping[str, str]:
    """Return the pairs of `a=1, b=2`."""
    for one in listed(text):
        if not one.partition("=")[1] or not one.partition("=")[0].strip():
            raise InvalidInputError(f"{name}: {one!r} is no pair", next_step="Write key=value, with commas between.")
    return {key.strip(): value.strip() for key, _, value in (one.partition("=") for one in listed(text))}


def yes(name: str, text: str) -> bool:
    """Return whether it is `yes`."""
    return one_of(name, text.lower(), ("yes", "no")) == "yes"


def one_of(name: str, text: str, known: tuple[str, ...]) -> str:
    """Return the text if it is one of the known words."""
    if text not in known:
        raise InvalidInputError(f"{name} is {text!r}, but has to be one of {', '.join(known)}")
    return text


def networks(name: str, text: str) -> tuple[str, ...]:
    """Return the networks of `10.0.0.0/8, 203.0.113.7/32`; none for `none`."""
    if text == "none":
        return ()
    try:
        return tuple(str(ipaddress.ip_network(one)) for one in listed(text))
    except ValueError as error:
        raise InvalidInputError(f"{name}: {error}", next_step="Give networks such as 203.0.113.0/24.") from error


def whole(name: str, text: str, *, least: int, most: int) -> int:
    """Return the whole number."""
    if not text.isdecimal() or not least <= int(text) <= most:
        raise InvalidInputError(f"{name} is {text!r}, but has to be a number from {least} to {most}")
    return int(text)


def root_url(name: str, text: str) -> str:
    """Return an http or https URL without its path."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidInputError(f"{name} is not an http or https URL: {text}")
    return f"{parts.scheme}://{parts.netloc}"
