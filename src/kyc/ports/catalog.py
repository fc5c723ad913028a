"""Where offers come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from kyc.domain.alert import Market
from kyc.planning.coverage import Coverage
from kyc.planning.offers import OfferQuery, SearchResult
from kyc.planning.refresh import FeedStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotPrice:
    """From `at` on the spot price in a zone (empty: the region) was this."""

    at: datetime
    zone: str
    usd_per_hour: Decimal


class Catalog(Protocol):
    """The offers that are known now, each with its source and the time its price was read.

    Answers from what it has; never waits for a network. `search` answers as `planning.offers.search_offers` would over
    the list of all. `coverage` tells what there is, by cloud, region, source and kind. `history` tells the changes of a
    market's spot prices that were seen since, the price that held then first; by zone, oldest first, the newest last.
    """

    async def search(self, query: OfferQuery) -> SearchResult: ...

    async def coverage(self) -> Sequence[Coverage]: ...

    async def history(self, market: Market, since: datetime) -> Sequence[SpotPrice]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an import or refresh did: facts taken, and lines left out by reason."""

    prices: int
    machines: int
    left_out: dict[str, int] = field(default_factory=dict)


class CatalogKeeper(Protocol):
    """Brings prices into the catalog, beside those who search in it: they see the old ones until the new are whole.

    `refresh` asks the feed of that name and returns once its prices are in; it raises UnreachableError,
    CredentialError, InvalidInputError (nothing it says can be used) and NotFoundError (no such feed). `import_table`
    takes a csv or csv.gz file.
    """

    async def feeds(self) -> Sequence[FeedStatus]: ...

    async def refresh(self, name: str) -> Taken: ...

    async def import_table(self, path: Path) -> Taken: ...
