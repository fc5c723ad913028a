"""The Notifier port on apprise. It is imported at the first use: its hundred services take a second to load.

What a service answers is shown to people, so whatever of the address could be secret is taken out of it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.domain.notification import Severity
from kyc.ports.notifier import Address

_LONGEST_S = 20.0
_LEAST_SECRET = 4
# These show a message on the master's own screen, or write to its log: nobody is there to read it.
_OF_THE_MACHINE = {"dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"}
_STEP = (
    "Write it as apprise does: mailto://USER:PASSWORD@gmail.com, slack://A/B/C, discord://ID/TOKEN, json://HOST/PATH; "
    "https://appriseit.com/services lists all."
)
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ - \w+ - ")


class AppriseNotifier:
    """Sends by apprise, each message on a thread."""

    async def read(self, address: str) -> Address:
        """Return what the address means."""
        service = await asyncio.to_thread(_service, address)
        return Address(service=str(service.service_name), shown=str(service.url(privacy=True)).partition("?")[0])

    async def send(self, address: str, *, title: str, text: str, severity: Severity) -> None:
        """Send one message; see the port."""
        try:
            async with asyncio.timeout(_LONGEST_S):
                why = await asyncio.to_thread(_send, address, title, text, severity)
        except TimeoutError as error:
            raise UnreachableError(f"it did not answer within {_LONGEST_S:.0f} s", next_step="Try again.") from error
        if why is not None:
            raise UnreachableError(why, next_step="Check the address, and that the service can be reached from here.")


def _service(address: str) -> Any:  # noqa: ANN401  # apprise's, whose classes differ
    scheme = address.partition("://")[0].strip().lower()
    if scheme in _OF_THE_MACHINE:
        raise InvalidInputError(f"{scheme}:// would be seen on the master's machine only", next_step=_STEP)
    apprise = import_module("apprise")
    asset = apprise.AppriseAsset(storage_mode="memory", secure_logging=True)
    asset.app_id, asset.app_desc, asset.app_url = "Keep Your Cost", "Keep Your Cost", ""
    try:
        found = apprise.Apprise.instantiate(address, asset=asset)
    except (TypeError, ValueError) as error:  # how some services refuse what they cannot read
        raise InvalidInputError("the address cannot be read", next_step=_STEP) from error
    if found is None:
        raise InvalidInputError("no service knows this address", next_step=_STEP)
    return found


def _send(address: str, title: str, text: str, severity: Severity) -> str | None:
    """Send, and return why it was not taken; None if it was."""
    service, apprise = _service(address), import_module("apprise")
    with apprise.LogCapture(level=logging.WARNING) as told:
        taken = service.notify(title=title, body=text or title, notify_type=severity.value)
        lines = [_STAMP.sub("", line) for line in told.getvalue().splitlines() if line.strip()]
    if taken:
        return None
    why = lines[-1] if lines else f"{service.service_name} did not take the message"
    return _without_secrets(why, address)


def _without_secrets(text: str, address: str) -> str:
    parts = urlsplit(address)
    pieces = {parts.username, parts.password, *parts.path.split("/"), *re.split(r"[=&]", parts.query)}
    for piece in sorted((p for p in pieces if p and len(p) >= _LEAST_SECRET), key=len, reverse=True):
        text = text.replace(piece, "***").replace(unquote(piece), "***")
    return text[:500]
