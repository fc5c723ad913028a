"""A provider's recommendation to leave an instance: followed only where that pays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kyc.planning.early import AdvisedInstance, needed_share, weigh_advice

USUAL = AdvisedInstance(
    interruptions_per_hour=0.05,
    notice_s=30,
    replace_s=180,
    needed=1.0,
    price_usd_per_hour=0.05,
    replacement_usd_per_hour=0.05,
    refused_over_served=80,
)


def test_it_pays_where_the_notice_is_too_short_for_a_replacement() -> None:
    weighed = weigh_advice(USUAL)
    assert weighed.goes
    assert weighed.staying_usd == pytest.approx(0.3 * 150 * 0.05 / 3600 * 80)
    assert weighed.going_usd == pytest.approx(180 / 3600 * 0.05)
    assert "150 s unserved" in weighed.reason
    assert "is replaced" in weighed.reason


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"notice_s": 180}, "0 s unserved"),
        ({"needed": 0.0}, "stays"),
        ({"needed": 0.04}, "stays"),
        ({"replacement_usd_per_hour": 2.0}, "stays"),
        ({"replacement_usd_per_hour": None}, "no other pool"),
    ],
)
def test_else_it_stays(changes: dict[str, float | None], why: str) -> None:
    weighed = weigh_advice(replace(USUAL, **changes))
    assert not weighed.goes
    assert why in weighed.reason


def test_a_pool_that_takes_much_away_is_believed_sooner() -> None:
    scarcely = replace(USUAL, needed=0.045)
    assert not weigh_advice(scarcely).goes
    weighed = weigh_advice(replace(scarcely, interruptions_per_hour=3.0))
    assert weighed.goes
    assert weighed.chance == pytest.approx(0.95, abs=0.01)


def test_only_what_nobody_else_could_serve_is_needed() -> None:
    assert needed_share(demand=3.0, elsewhere=2, here=2) == 0.5
    assert needed_share(demand=9.0, elsewhere=2, here=2) == 1.0
    assert needed_share(demand=1.5, elsewhere=2, here=2) == 0.0
    assert needed_share(demand=1.0, elsewhere=0, here=0) == 0.0
