"""In which order offers should be tried: by what it is expected to cost to finish the work, not by the price.

    hours = start-up + work + interruptions x (restart + lost work),   interruptions as in planning.risk
    cost  = price x hours + bytes to restore x (1 + interruptions) x egress to there + bytes written x egress back

All numbers are kept with the decision, so that a person can check it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from kyc.domain.offer import Offer, Pool, Purchase
from kyc.domain.workload import Requirement
from kyc.planning.egress import BYTES_PER_GB, THIS_MACHINE, Place, egress_usd_per_gb
from kyc.planning.match import fits_requirement
from kyc.planning.risk import RiskBook

# From asking to the agent's hello. AWS, GCP, Azure: SkyPilot's maintainers' figures for CPU instances (pull requests
# 4091, 4027, 4167); Terraform's own time is in them or less. Local: ours.
STARTUP_S: Mapping[str, float] = {"local": 2.0, "aws": 75.0, "gcp": 75.0, "azure": 140.0}
UNKNOWN_STARTUP_S = 180.0
ASSUMED_WORK = timedelta(hours=1)
ALTERNATIVES_TOLD = 3
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkAhead:
    """What is left to do and what comes along.

    `work` None: nobody knows how long, ASSUMED_WORK is taken. `restart` is what an interruption costs besides the new
    start-up: the set-up and the restore; `lost` the work to do again. `restore_bytes` come from `data_at` to wherever
    the work starts, at each start; `written_bytes_per_h` go back there.
    """

    work: timedelta | None = None
    restart: timedelta = timedelta(minutes=2)
    lost: timedelta = timedelta(seconds=5)
    data_at: Place = THIS_MACHINE
    restore_bytes: int = 0
    written_bytes_per_h: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What finishing on one offer is expected to take; hours and USD."""

    offer: Offer
    usd: float
    hours: float
    work_h: float
    work_known: bool
    interruptions_per_hour: float
    interruptions: float
    startup_s: float
    transfer_usd: float
    avoided: bool = False

    @property
    def usd_per_work_hour(self) -> float:
        """The expected cost of an hour's work: what offers differ in."""
        return self.usd / self.work_h if self.work_h > 0 else self.usd

    def numbers(self) -> dict[str, object]:
        """Return the numbers as event data."""
        return {
            "expected_usd": round(self.usd, 6),
            "expected_hours": round(self.hours, 4),
            "work_hours": round(self.work_h, 4),
            "work_known": self.work_known,
            "interruptions_per_hour": round(self.interruptions_per_hour, 6),
            "expected_interruptions": round(self.interruptions, 4),
            "startup_s": self.startup_s,
            "transfer_usd": round(self.transfer_usd, 6),
            "on_demand_usd_per_hour": float(self.offer.on_demand_usd_per_hour) if self.offer.on_demand_known else None,
            "priced_at": self.offer.priced_at.isoformat(),
            "price_source": self.offer.source,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The offers that fit, least expected cost first. `considered` counts all that were compared."""

    best_first: Sequence[Expectation]
    considered: int = 0

    def story(self) -> dict[str, object]:
        """Return the best one's numbers and the next ones as event data; empty if there is none."""
        if not self.best_first:
            return {}
        others = [
            {
                "offer": other.offer.id,
                "price_usd_per_hour": float(other.offer.price_usd_per_hour),
                "expected_usd": round(other.usd, 6),
                "avoided": other.avoided,
            }
            for other in self.best_first[1 : 1 + ALTERNATIVES_TOLD]
        ]
        return {**self.best_first[0].numbers(), "considered": self.considered, "others": others}


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What is known beside the offers: our record of the pools, and start-up times measured by cloud (seconds)."""

    risks: RiskBook = field(default_factory=RiskBook)
    startup_s: Mapping[str, float] = field(default_factory=lambda: dict(STARTUP_S))


def rank_offers(
    offers: Iterable[Offer],
    any_of: Iterable[Requirement],
    *,
    avoid: Collection[Pool] = (),
    ahead: WorkAhead | None = None,
    market: Market | None = None,
) -> list[Offer]:
    """Return the offers that meet one of the requirements, the least expected cost first."""
    ranking = rank_work(offers, any_of, avoid=avoid, ahead=ahead or WorkAhead(), market=market or Market())
    return [expected.offer for expected in ranking.best_first]


def rank_work(
    offers: Iterable[Offer],
    any_of: Iterable[Requirement],
    *,
    avoid: Collection[Pool] = (),
    ahead: WorkAhead,
    market: Market,
) -> Ranking:
    """Return the offers that meet one of the requirements, the least expected cost to finish first.

    An offer of a pool to avoid (it has just failed) comes after all others. One without a price above zero is none.
    """
    wanted = list(any_of)
    fitting = [o for o in offers if o.price_usd_per_hour > 0 and any(fits_requirement(o, wish) for wish in wanted)]
    expected = [expect(offer, ahead, market, avoided=offer.pool in avoid) for offer in fitting]
    expected.sort(key=_rank)
    return Ranking(best_first=expected, considered=len(expected))


def expect(offer: Offer, ahead: WorkAhead, market: Market, *, avoided: bool = False) -> Expectation:
    """Return what it is expected to take to do the work on this offer."""
    work_h = (ASSUMED_WORK if ahead.work is None else max(ahead.work, timedelta())) / _HOUR
    interruptions = market.risks.expected(offer, hours=work_h)
    startup_s = market.startup_s.get(offer.cloud, UNKNOWN_STARTUP_S)
    restart_h = startup_s / 3600 + (ahead.restart + ahead.lost) / _HOUR
    hours = startup_s / 3600 + work_h + interruptions * restart_h
    transfer = _transfer_usd(offer, ahead, starts=1 + interruptions, work_h=work_h)
    return Expectation(
        offer=offer,
        usd=float(offer.price_usd_per_hour) * hours + transfer,
        hours=hours,
        work_h=work_h,
        work_known=ahead.work is not None,
        interruptions_per_hour=market.risks.rate(offer),
        interruptions=interruptions,
        startup_s=startup_s,
        transfer_usd=transfer,
        avoided=avoided,
    )


def _transfer_usd(offer: Offer, ahead: WorkAhead, *, starts: float, work_h: float) -> float:
    there = Place(cloud=offer.cloud, region=offer.region)
    fetched = ahead.restore_bytes * starts * egress_usd_per_gb(ahead.data_at, there)
    written = ahead.written_bytes_per_h * work_h * egress_usd_per_gb(there, ahead.data_at)
    return (fetched + written) / BYTES_PER_GB


def _rank(expected: Expectation) -> tuple[bool, float, bool, str]:
    # At equal cost spot is taken: it costs no more, and leaves on-demand quota for what needs it.
    offer = expected.offer
    return (expected.avoided, expected.usd, offer.purchase is Purchase.ON_DEMAND, offer.id)
