"""What was spent and what it would have cost on demand, from the instances' own times and prices.

An instance's bill is a function of time that only rises: the price that held in each second, rounded once, up to any
moment. What a span cost is the difference of two readings, so that the days of a bill add up to the whole of it, to the
millionth of a dollar, and nothing is ever negative, however the clock jumps. Days are UTC's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from kyc.domain.instance import BILLED, Instance
from kyc.domain.money import PriceChange, total_usd

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `since` to `until`; one that ends before it begins is empty."""

    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        """How long it is; never negative."""
        return max(timedelta(), self.until - self.since)

    def within(self, other: Span | None) -> Span:
        """Return the part of it that lies in the other; all of it for None."""
        if other is None:
            return self
        since, until = max(self.since, other.since), min(self.until, other.until)
        return Span(since=since, until=max(since, until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What one instance costs: `span` is what the cloud bills, `prices` hold one after the other, the first at once."""

    span: Span
    prices: tuple[PriceChange, ...]

    def spent(self, within: Span | None = None) -> Decimal:
        """Return what it cost in USD in the span; in all if none is given."""
        part = self.span.within(within)
        return self._spent_until(part.until) - self._spent_until(part.since)

    def on_demand(self, within: Span | None = None) -> Decimal:
        """Return what the same time would have cost on demand, in USD."""
        part = self.span.within(within)
        return self._on_demand_until(part.until) - self._on_demand_until(part.since)

    def _spent_until(self, at: datetime) -> Decimal:
        return total_usd((price.usd_per_hour, used) for price, used in self._uses(at))

    def _on_demand_until(self, at: datetime) -> Decimal:
        return total_usd((price.on_demand_usd_per_hour, used) for price, used in self._uses(at))

    def _uses(self, at: datetime) -> Iterable[tuple[PriceChange, timedelta]]:
        """Return how long each price held before the moment."""
        end = max(self.span.since, min(at, self.span.until))
        starts = [self.span.since]  # a price never begins before the one that it replaces, whatever the clock said
        for price in self.prices[1:]:
            starts.append(min(end, max(starts[-1], price.at)))
        spans = pairwise([*starts, end])
        return ((price, until - since) for price, (since, until) in zip(self.prices, spans, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Money in USD; `used` sums the billed time of all instances; `per_hour_now` is what runs now.

    Of what was spent, interruptions took `repeated` (work done again), `overlap` (two instances of one job at once) and
    `restart` (a replacement that did not work yet); no second is counted in two of them.
    """

    spent: Decimal = _NOTHING
    on_demand: Decimal = _NOTHING
    used: timedelta = field(default=timedelta())
    per_hour_now: Decimal = _NOTHING
    repeated: Decimal = _NOTHING
    overlap: Decimal = _NOTHING
    restart: Decimal = _NOTHING

    @property
    def saved(self) -> Decimal:
        """What the same time on demand would have cost more; negative where on-demand would have been cheaper."""
        return self.on_demand - self.spent

    @property
    def interruptions(self) -> Decimal:
        """What interruptions and moves cost; a part of what was spent."""
        return self.repeated + self.overlap + self.restart

    def __add__(self, other: Cost) -> Cost:
        """Return both together."""
        return Cost(
            spent=self.spent + other.spent,
            on_demand=self.on_demand + other.on_demand,
            used=self.used + other.used,
            per_hour_now=self.per_hour_now + other.per_hour_now,
            repeated=self.repeated + other.repeated,
            overlap=self.overlap + other.overlap,
            restart=self.restart + other.restart,
        )


def cost_of(instances: Iterable[Instance], *, now: datetime, within: Span | None = None) -> Cost:
    """Return what the instances cost from their start to their end, or to `now` for those that still bill.

    `within` counts only that span. What interruptions cost is left out: it takes the attempts, see `planning.loss`.
    """
    total = Cost()
    is_now = within is None or within.since <= now < within.until
    for instance in instances:
        bill = bill_of(instance, now=now)
        if within is not None and not bill.span.within(within).length:
            continue
        total += Cost(
            spent=bill.spent(within),
            on_demand=bill.on_demand(within),
            used=bill.span.within(within).length,
            per_hour_now=instance.price_now.usd_per_hour if is_billing(instance) and is_now else _NOTHING,
        )
    return total


def bill_of(instance: Instance, *, now: datetime) -> Bill:
    """Return the instance's bill; an empty one if it never started, or if the clock went back behind its start."""
    since = instance.started_at or now
    until = max(since, instance.ended_at or now) if instance.started_at else since
    offer = instance.offer
    first = PriceChange(
        at=since, usd_per_hour=offer.price_usd_per_hour, on_demand_usd_per_hour=offer.on_demand_usd_per_hour
    )
    return Bill(span=Span(since=since, until=until), prices=(first, *instance.prices))


def is_billing(instance: Instance) -> bool:
    """Say whether it costs money now, as far as we know."""
    return instance.state in BILLED and instance.ended_at is None


def billed_time(instance: Instance, *, now: datetime) -> timedelta:
    """Return how long the cloud has billed the instance; zero for one that never started."""
    return bill_of(instance, now=now).span.length


def days_of(instances: Sequence[Instance], *, now: datetime) -> list[date]:
    """Return every UTC day from the first on which one of the instances was billed to the last."""
    spans = [bill_of(instance, now=now).span for instance in instances if instance.started_at is not None]
    if not spans:
        return []
    first = min(span.since for span in spans).astimezone(UTC).date()
    last = max(span.until for span in spans).astimezone(UTC).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def day_span(day: date) -> Span:
    """Return the UTC day as a span."""
    since = datetime.combine(day, time(), UTC)
    return Span(since=since, until=since + timedelta(days=1))
