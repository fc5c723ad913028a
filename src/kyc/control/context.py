"""What every part of control works with."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from kyc.control.signal import Signal
from kyc.domain.errors import StaleWriteError
from kyc.domain.offer import Offer
from kyc.ports.catalog import Catalog
from kyc.ports.clock import Clock
from kyc.ports.cloud import Cloud
from kyc.ports.provisioner import Provisioner
from kyc.ports.secrets import Secrets
from kyc.ports.store import Store
from kyc.ports.stream import StreamHost


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The master's ports. `signal` is notified after every write, `doubt` when an instance may be gone.

    `master_url` is where this machine, or the world if it has a public address, reaches the master.
    """

    store: Store
    clock: Clock
    rng: random.Random
    clouds: Mapping[str, Cloud]
    catalogs: Sequence[Catalog]
    provisioner: Provisioner
    stream_host: StreamHost
    secrets: Secrets
    master_url: str
    signal: Signal = field(default_factory=Signal)
    doubt: Signal = field(default_factory=Signal)

    async def offers(self) -> list[Offer]:
        """Return everything that can be bought now."""
        return [offer for catalog in self.catalogs for offer in await catalog.offers()]


T = TypeVar("T")


async def write_fresh(write: Callable[[], Awaitable[T]]) -> T:
    """Run a read-decide-save step again until nobody wrote in between; the step itself must read what it decides on."""
    while True:
        try:
            return await write()
        except StaleWriteError:
            continue
