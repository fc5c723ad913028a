"""What people ask of the catalog, and the loop that keeps its prices from getting old."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from kyc.control.context import Context
from kyc.control.signal import Signal
from kyc.domain.alert import Market
from kyc.domain.errors import InvalidInputError, KycError, NotFoundError
from kyc.planning.coverage import Coverage
from kyc.planning.offers import OfferOrder, OfferQuery, SearchResult
from kyc.planning.refresh import FeedStatus, plan_refresh
from kyc.ports.catalog import CatalogKeeper, SpotPrice, Taken

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Prices:
    """The catalog for people. `tick` is the refreshing loop's: it may take minutes, and no search waits for it.

    `background` False: only what a person asks for is fetched.
    """

    context: Context
    keeper: CatalogKeeper
    background: bool = True
    signal: Signal = field(default_factory=Signal)
    _asked_for: set[str] = field(default_factory=set)
    _fetching: str | None = None

    async def search(self, query: OfferQuery) -> SearchResult:
        """Search all that is known, of clouds that are registered and others."""
        if query.order is OfferOrder.RISK:
            query = replace(query, risks=await self.context.risks())
        return await self.context.search(query)

    async def coverage(self) -> list[Coverage]:
        """Return what there is."""
        return [one for catalog in self.context.catalogs for one in await catalog.coverage()]

    async def history(self, market: Market, since: datetime) -> list[SpotPrice]:
        """Return how a market's spot prices changed, as far as it was seen."""
        return [price for catalog in self.context.catalogs for price in await catalog.history(market, since)]

    async def feeds(self) -> Sequence[FeedStatus]:
        """Return the sources that can be asked."""
        return await self.keeper.feeds()

    def pending(self) -> frozenset[str]:
        """Return the feeds that are being asked, or are to be."""
        return frozenset(self._asked_for | ({self._fetching} if self._fetching else set()))

    async def ask(self, cloud: str | None) -> list[str]:
        """Have the feeds of a cloud (None: of all) asked soon, and return their names; raise NotFoundError for none."""
        names = [feed.name for feed in await self.keeper.feeds() if cloud in {None, feed.cloud, feed.name}]
        if not names:
            known = ", ".join(sorted({feed.cloud for feed in await self.keeper.feeds()}))
            raise NotFoundError(f"no prices can be fetched for {cloud!r}", next_step=f"There are feeds for {known}.")
        self._asked_for.update(names)
        self.signal.notify()
        return names

    async def import_table(self, path: Path) -> Taken:
        """Take the prices of a file; raise InvalidInputError if there is none in it."""
        taken = await self.keeper.import_table(path)
        if not taken.prices:
            raise InvalidInputError("the file holds no price", next_step="docs/catalog.md lists the columns.")
        log.info("prices_imported", extra={"prices": taken.prices, "left_out": taken.left_out})
        return taken

    async def tick(self) -> None:
        """Ask every feed that is due, one after the other."""
        names = plan_refresh(
            await self.keeper.feeds(),
            registered=set(self.context.clouds),
            asked_for=self._asked_for,
            background=self.background,
            now=self.context.clock.now(),
        )
        for name in names:
            await self._fetch(name)

    async def _fetch(self, name: str) -> None:
        self._fetching = name
        self._asked_for.discard(name)
        try:
            taken = await self.keeper.refresh(name)
            log.info("prices_fetched", extra={"feed": name, "prices": taken.prices, "left_out": taken.left_out})
        except KycError as error:  # the keeper has noted it; the others are still asked
            log.warning("prices_not_fetched", extra={"feed": name, "why": str(error), "next_step": error.next_step})
        finally:
            self._fetching = None
