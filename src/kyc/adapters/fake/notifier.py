"""A notifier that keeps what it is given; it knows addresses `fake://NAME` and fails as it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.domain.notification import Severity
from kyc.ports.notifier import Address


@dataclass
class FakeNotifier:
    """`sent` holds (address, title, text); `failures` are reasons for the next sends to an address to fail."""

    sent: list[tuple[str, str, str]] = field(default_factory=list)
    failures: dict[str, list[str]] = field(default_factory=dict)

    async def read(self, address: str) -> Address:
        """Return the address with its name hidden."""
        scheme, _, name = address.partition("://")
        if scheme != "fake" or not name:
            raise InvalidInputError("no service knows this address")
        return Address(service="Fake", shown="fake://***")

    async def send(self, address: str, *, title: str, text: str, severity: Severity) -> None:
        """Keep the message, or fail."""
        if self.failures.get(address):
            raise UnreachableError(self.failures[address].pop(0))
        self.sent.append((address, title, text))
