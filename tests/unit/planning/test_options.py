"""What of a workload file's wishes goes with the instance that is bought for it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from kyc.adapters.fake.catalog import fake_offer
from kyc.domain.launch import LaunchOptions
from kyc.domain.workload import Requirement
from kyc.planning.match import options_of

OFFER = replace(fake_offer(price="0.03"), gpu="A100", gpu_count=1)
MACHINE = LaunchOptions(disk_gib=200, tags={"team": "ml"})


def most(price: str, **more: object) -> Requirement:
    return Requirement(max_price_usd_per_hour=Decimal(price), **more)  # type: ignore[arg-type]


def test_the_wishes_go_as_they_are() -> None:
    assert options_of(OFFER, [Requirement()], MACHINE) == MACHINE


def test_the_price_is_that_of_the_alternatives_that_the_offer_meets() -> None:
    other = most("9", gpu="H100")
    assert options_of(OFFER, [most("0.05"), other], MACHINE).max_price_usd_per_hour == Decimal("0.05")
    assert options_of(OFFER, [most("0.05"), most("0.07")], MACHINE).max_price_usd_per_hour == Decimal("0.07")
    assert options_of(OFFER, [most("0.05"), Requirement()], MACHINE) == MACHINE, "one of them has no limit"
