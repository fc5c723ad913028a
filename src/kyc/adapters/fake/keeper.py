"""A catalog keeper without a network: it counts what it is asked for, and answers what it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from kyc.adapters.fake.clock import START
from kyc.domain.errors import KycError, NotFoundError
from kyc.planning.refresh import FeedStatus
from kyc.ports.catalog import Taken

DAY = timedelta(days=1)


class FakeKeeper:
    """The CatalogKeeper port; `failure` makes the next calls raise, `asked` and `imported` list what was asked for."""

    def __init__(self, feeds: Sequence[FeedStatus] = (FeedStatus(name="fake-feed", cloud="fake", every=DAY),)) -> None:
        self.known = {feed.name: feed for feed in feeds}
        self.asked: list[str] = []
        self.imported: list[Path] = []
        self.taken = Taken(prices=2, machines=1)
        self.failure: KycError | None = None

    async def feeds(self) -> Sequence[FeedStatus]:
        """Return the feeds as they are known."""
        return list(self.known.values())

    async def refresh(self, name: str) -> Taken:
        """Note the call; the feed has answered at START, unless `failure` says otherwise."""
        if name not in self.known:
            raise NotFoundError(f"no feed is called {name!r}")
        self.asked.append(name)
        if self.failure is not None:
            self.known[name] = replace(self.known[name], tried_at=START, failure=str(self.failure))
            raise self.failure
        self.known[name] = replace(self.known[name], tried_at=START, fetched_at=START, failure="")
        return self.taken

    async def import_table(self, path: Path) -> Taken:
        """Note the call."""
        if self.failure is not None:
            raise self.failure
        self.imported.append(path)
        return self.taken
