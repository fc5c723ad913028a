"""Offers, searches and prices as the rows of wire.api: pure, `now` is an argument."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from kyc.domain.offer import ANY_ZONE, Offer, Purchase
from kyc.planning.coverage import Coverage
from kyc.planning.freshness import Freshness, age_s
from kyc.planning.offers import SearchResult
from kyc.planning.refresh import FeedStatus
from kyc.wire.api import CatalogReport, CoverageRow, FeedRow, OfferRow, RemovalRow, SearchReport

WAITING, FAILED, IDLE = "waiting", "failed", "idle"


def offer_row(offer: Offer, freshness: Freshness, *, now: datetime, group_size: int = 1) -> OfferRow:
    """Return an offer's line."""
    price = offer.price_usd_per_hour
    listed = offer.on_demand_usd_per_hour if offer.on_demand_known else None
    return OfferRow(
        id=offer.id,
        cloud=offer.cloud,
        region=offer.region,
        zone=offer.zone or ANY_ZONE,
        type=offer.instance_type,
        spot=offer.purchase is Purchase.SPOT,
        vcpus=offer.vcpus,
        memory_gib=offer.memory_mib / 1024,
        gpu=offer.gpu,
        gpu_count=offer.gpu_count,
        gpu_memory_gib=offer.gpu_memory_mib / 1024,
        arch=offer.arch,
        price_usd_per_hour=float(round(price, 6)),
        on_demand_usd_per_hour=None if listed is None else float(round(listed, 6)),
        saving=None if not listed else round(float(1 - price / listed), 4),
        source=offer.source,
        priced_at=offer.priced_at,
        interruption_band=offer.interruption_band or None,
        interruptions_per_hour=offer.interruptions_per_hour,
        age_s=round(age_s(offer, now=now), 1),
        stale=freshness.is_stale(offer, now=now),
        group_size=group_size,
    )


def offer_rows(result: SearchResult, freshness: Freshness, *, now: datetime) -> list[OfferRow]:
    """Return an answer's lines."""
    return [offer_row(found.offer, freshness, now=now, group_size=found.group_size) for found in result.found]


def search_report(result: SearchResult, freshness: Freshness, *, now: datetime) -> SearchReport:
    """Return how an answer came about; filters that removed nothing are not named."""
    return SearchReport(
        searched=result.searched,
        total=result.total,
        removed=[
            RemovalRow(filter=one.filter, wish=one.wish, count=one.count, alternative=one.alternative)
            for one in result.removed
            if one.count
        ],
        nearest=[offer_row(offer, freshness, now=now) for offer in result.nearest],
    )


def catalog_report(
    coverage: Iterable[Coverage],
    feeds: Iterable[FeedStatus],
    pending: Collection[str],
    freshness: Freshness,
    *,
    now: datetime,
) -> CatalogReport:
    """Return what prices there are; a line's age is that of its newest price."""
    rows = [_coverage_row(one, freshness, now=now) for one in coverage]
    return CatalogReport(
        rows=sum(row.rows for row in rows), coverage=rows, feeds=[_feed_row(feed, pending) for feed in feeds]
    )


def _coverage_row(one: Coverage, freshness: Freshness, *, now: datetime) -> CoverageRow:
    age = max(0.0, (now - one.newest_at).total_seconds())
    return CoverageRow(
        cloud=one.cloud,
        region=one.region,
        source=one.source,
        spot=one.purchase is Purchase.SPOT,
        rows=one.rows,
        oldest_at=one.oldest_at,
        newest_at=one.newest_at,
        age_s=round(age, 1),
        stale=age > freshness.longest(one.source, one.purchase).total_seconds(),
    )


def _feed_row(feed: FeedStatus, pending: Collection[str]) -> FeedRow:
    state = WAITING if feed.name in pending else FAILED if feed.failure else IDLE
    return FeedRow(
        name=feed.name,
        cloud=feed.cloud,
        state=state,
        every_s=feed.every.total_seconds(),
        fetched_at=feed.fetched_at,
        tried_at=feed.tried_at,
        failure=feed.failure,
    )
