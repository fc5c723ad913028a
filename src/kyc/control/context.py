"""What every part of control works with."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from kyc.control.signal import Signal
from kyc.domain.errors import StaleWriteError
from kyc.domain.offer import Pool, Purchase
from kyc.domain.workload import Requirement
from kyc.planning.egress import THIS_MACHINE, Place
from kyc.planning.market import Market, Ranking, WorkAhead, rank_work
from kyc.planning.offers import OfferGroup, OfferOrder, OfferQuery, SearchResult, merge_results
from kyc.planning.risk import RiskBook, read_risks
from kyc.ports.catalog import Catalog
from kyc.ports.clock import Clock
from kyc.ports.cloud import Cloud
from kyc.ports.provisioner import Provisioner
from kyc.ports.secrets import Secrets
from kyc.ports.store import Store
from kyc.ports.stream import StreamHost

COMPARED_PER_REGION = 20
MOST_COMPARED = 5000


def no_payer(_cloud: str) -> str:
    """Have no accounts: the clouds are this machine's own."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The master's ports. `signal` is notified after every write, `doubt` when an instance may be gone.

    `master_url` is where this machine, or the world if it has a public address, reaches the master; `data_at` where
    the stream lies, from which files are restored and to which they are written. `payer` names the account with which
    something new is bought in a cloud.
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
    data_at: Place = THIS_MACHINE
    payer: Callable[[str], str] = no_payer
    signal: Signal = field(default_factory=Signal)
    doubt: Signal = field(default_factory=Signal)

    async def search(self, query: OfferQuery) -> SearchResult:
        """Return what all catalogs answer."""
        return merge_results([await catalog.search(query) for catalog in self.catalogs], query)

    async def risks(self) -> RiskBook:
        """Return our own record of every pool, as of now."""
        return read_risks(await self.store.instances(), now=self.clock.now())

    async def rank(self, any_of: Sequence[Requirement], ahead: WorkAhead, *, avoid: Collection[Pool] = ()) -> Ranking:
        """Return what can be bought for the work: of registered clouds only, least expected cost to finish first.

        Of each region the best by price and risk are compared: within a region nothing else tells offers apart.
        """
        risks = await self.risks()
        query = OfferQuery(
            any_of=tuple(any_of),
            clouds=frozenset(self.clouds),
            order=OfferOrder.RISK,
            group=OfferGroup.REGION,
            per_group=COMPARED_PER_REGION + len(avoid),
            limit=MOST_COMPARED,
            risks=risks,
        )
        kinds = [replace(query, purchase=purchase) for purchase in Purchase]
        offers = [offer for kind in kinds for offer in (await self.search(kind)).offers]
        return rank_work(offers, any_of, avoid=avoid, ahead=ahead, market=Market(risks=risks))


T = TypeVar("T")


async def write_fresh(write: Callable[[], Awaitable[T]]) -> T:
    """Run a read-decide-save step again until nobody wrote in between; the step itself must read what it decides on."""
    while True:
        try:
            return await write()
        except StaleWriteError:
            continue
