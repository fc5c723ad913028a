"""Where a job is to run when that is not simply the best offer: what deadline and budget ask of the jobs loop."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from kyc.domain.ids import InstanceId
from kyc.domain.offer import Offer, Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Set by the deadline's policy: run on this kind only (None: any), or with `wait` on nothing for now.

    With `below_usd_per_hour` only where it costs less than that: a move to a cheaper zone that pays.
    """

    purchase: Purchase | None = None
    wait: bool = False
    below_usd_per_hour: Decimal | None = None
    reason: str = ""

    def allows(self, offer: Offer) -> bool:
        """Say whether the job may run on the offer."""
        limit = self.below_usd_per_hour
        return (
            not self.wait
            and self.purchase in {None, offer.purchase}
            and (limit is None or offer.price_usd_per_hour < limit)
        )


ANYWHERE = Course()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Set by a budget: leave this instance for one that costs less than `below_usd_per_hour`."""

    instance: InstanceId
    below_usd_per_hour: Decimal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What the deadline's policy learned of spot capacity so far, kept with the job: see `planning.availability`.

    `weights` are those of the regimes of the prior named `source`.
    """

    source: str
    weights: tuple[float, ...]
    there: bool
    age_s: float
    spell: int
