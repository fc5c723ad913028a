"""Which sources of prices should be asked now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

REST_AFTER_FAILURE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStatus:
    """One source that can be asked: when it last answered, and when it was last tried and why that failed."""

    name: str
    cloud: str
    every: timedelta
    fetched_at: datetime | None = None
    tried_at: datetime | None = None
    failure: str = ""


def plan_refresh(
    feeds: Iterable[FeedStatus],
    *,
    registered: Collection[str],
    asked_for: Collection[str],
    background: bool,
    now: datetime,
) -> list[str]:
    """Return the names of the feeds to ask, those that a person asked for first.

    By itself (`background`) kyc asks the feeds of registered clouds, and those that have answered before: nobody's
    first start should call the world. One that failed rests for a while. A time in the future (a clock jumped back)
    counts as long ago.
    """
    wanted = [feed for feed in feeds if feed.name in asked_for]
    if background:
        kept = (feed for feed in feeds if feed.cloud in registered or feed.fetched_at is not None)
        wanted += [feed for feed in kept if feed.name not in asked_for and _is_due(feed, now)]
    return [feed.name for feed in wanted]


def _is_due(feed: FeedStatus, now: datetime) -> bool:
    if feed.failure and feed.tried_at is not None and timedelta() <= now - feed.tried_at < REST_AFTER_FAILURE:
        return False
    return feed.fetched_at is None or not timedelta() <= now - feed.fetched_at < feed.every
