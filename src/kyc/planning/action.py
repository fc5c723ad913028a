"""What a plan may propose for a job. Each action says why; `kyc why` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from kyc.domain.ids import AttemptId, InstanceId
from kyc.domain.job import JobState
from kyc.domain.offer import Offer, Pool, Purchase
from kyc.planning.barrier import Barrier


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Buy an instance for a new attempt, outside `avoid` if it can be had. `replaces`: what it stands in for.

    Nothing behind one of the barriers. Only of the kind `purchase` and below a price, where these are given.
    """

    reason: str
    avoid: frozenset[Pool] = frozenset()
    replaces: InstanceId | None = None
    purchase: Purchase | None = None
    below_usd_per_hour: Decimal | None = None
    barriers: tuple[Barrier, ...] = ()

    @property
    def to_save(self) -> bool:
        """Whether it is bought to spend less."""
        return self.below_usd_per_hour is not None

    def allows(self, offer: Offer) -> bool:
        """Say whether this offer would do."""
        fits = self.purchase in {None, offer.purchase}
        if any(barrier.bars(offer) for barrier in self.barriers):
            return False
        return fits and (self.below_usd_per_hour is None or offer.price_usd_per_hour < self.below_usd_per_hour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Grant the epoch to a prepared attempt and let it work."""

    attempt: AttemptId
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Tell the attempt that works to stop and flush."""

    attempt: AttemptId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Take an attempt for lost: its instance is gone."""

    attempt: AttemptId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismiss:
    """Drop an attempt that is not needed."""

    attempt: AttemptId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminate:
    """Give an instance back."""

    instance: InstanceId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Say where the job is now. `interrupted`: because a provider took its instance away."""

    state: JobState
    reason: str
    interrupted: bool = False
    exit_code: int | None = None


Action = Place | Run | Release | GiveUp | Dismiss | Terminate | Move
