"""Messages to people, by whatever service they read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kyc.domain.notification import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What an address means: the service's name, and the address without its secrets."""

    service: str
    shown: str


class Notifier(Protocol):
    """Sends short texts. `read` raises InvalidInputError for an address that no service knows, and calls nobody.

    `send` returns once the service has taken the message; it raises UnreachableError with a reason that holds no secret
    if it did not, within about 20 seconds.
    """

    async def read(self, address: str) -> Address: ...

    async def send(self, address: str, *, title: str, text: str, severity: Severity) -> None: ...
