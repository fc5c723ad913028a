"""The Catalog port over the columns' file; a file written anew is taken up at the next search."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from kyc.adapters.offerbook.book import Book
from kyc.adapters.offerbook.history import read_history
from kyc.adapters.offerbook.search import search_book
from kyc.domain.alert import Market
from kyc.domain.offer import Purchase
from kyc.planning.coverage import Coverage
from kyc.planning.offers import OfferQuery, SearchResult, explain_empty
from kyc.ports.catalog import SpotPrice

COLUMNS_FILE = "offers.columns"
RECORD_FILE = "prices.db"


class OfferBook:
    """All imported and fetched offers; none while there is no file. A damaged one raises DamagedDataError."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / COLUMNS_FILE
        self._record = folder / RECORD_FILE
        self._seen: tuple[int, int] | None = None
        self._book: Book | None = None

    async def search(self, query: OfferQuery) -> SearchResult:
        """Search the columns: no network, no disk but the mapped pages."""
        book = self._current()
        return explain_empty([], query) if book is None else search_book(book, query)

    async def coverage(self) -> Sequence[Coverage]:
        """Return what there is, as it was counted when the columns were written."""
        book = self._current()
        rows = () if book is None else book.header.coverage
        return [
            Coverage(
                cloud=row.cloud,
                region=row.region,
                source=row.source,
                purchase=Purchase(row.purchase),
                rows=row.rows,
                oldest_at=datetime.fromtimestamp(row.oldest_at, UTC),
                newest_at=datetime.fromtimestamp(row.newest_at, UTC),
            )
            for row in rows
        ]

    async def history(self, market: Market, since: datetime) -> Sequence[SpotPrice]:
        """Return what the record noted of the market."""
        return await asyncio.to_thread(read_history, self._record, market, since)

    def _current(self) -> Book | None:
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_mtime_ns)
            if seen != self._seen:
                self._book, self._seen = Book.open(self._path), seen
        except FileNotFoundError:
            self._book = self._seen = None
        return self._book
