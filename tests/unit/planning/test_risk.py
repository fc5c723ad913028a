"""Interruptions per hour: bands, our own record, waves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import START
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.offer import Purchase
from kyc.planning.risk import BANDS, UNKNOWN_PER_HOUR, RiskBook, rate_of_band, read_risks

OFFER = fake_offer()
TOLD = replace(OFFER, interruptions_per_hour=0.001)
DAY = timedelta(days=1)


def ran(hours: float, *, taken: datetime | None = None, end: datetime = START, offer=OFFER) -> Instance:
    return Instance(
        id=InstanceId("i-1"),
        deployment_id=DeploymentId("d-1"),
        offer=offer,
        state=InstanceState.TERMINATED,
        requested_at=end - timedelta(hours=hours),
        started_at=end - timedelta(hours=hours),
        ended_at=end,
        interrupted_at=taken,
        name="one",
    )


def test_bands_grow_and_unknown_is_worse_than_all() -> None:
    rates = list(BANDS.values())
    assert rates == sorted(rates)
    assert rates[-1] < UNKNOWN_PER_HOUR
    assert rate_of_band("5-10%") == pytest.approx(0.075 / 730, rel=0.05)
    assert rate_of_band("whenever") is None


def test_without_a_record_the_provider_is_believed() -> None:
    book = RiskBook()
    assert book.rate(TOLD) == pytest.approx(0.001)
    assert book.rate(OFFER) == pytest.approx(UNKNOWN_PER_HOUR)
    assert book.rate(replace(OFFER, purchase=Purchase.ON_DEMAND)) == 0
    assert book.rate(replace(OFFER, interruptions_per_hour=-1)) == 0


def test_hours_without_interruption_lower_the_rate_and_interruptions_raise_it() -> None:
    calm = read_risks([ran(100)], now=START)
    assert calm.rate(OFFER) < UNKNOWN_PER_HOUR / 2
    wild = read_risks([ran(100, taken=START - 2 * DAY), ran(1, taken=START - DAY)], now=START)
    assert wild.rate(OFFER) > calm.rate(OFFER)


def test_what_happened_fades() -> None:
    instance = ran(10, taken=START)
    rates = [read_risks([instance], now=START + n * DAY).rate(TOLD) for n in (1, 7, 30, 400)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0.001, rel=0.01)


def test_a_pool_that_has_just_failed_is_about_to_fail_again() -> None:
    instance = ran(10, taken=START)
    just_now = read_risks([instance], now=START)
    assert just_now.rate(TOLD) > 0.9
    assert just_now.expected(TOLD, hours=100) < 5  # the wave passes: it does not go on at its first height
    assert read_risks([instance], now=START + timedelta(minutes=30)).rate(TOLD) < 0.1
    assert just_now.rate(replace(TOLD, zone="elsewhere")) == pytest.approx(0.001)


def test_clocks_that_jump_do_no_harm() -> None:
    book = read_risks([ran(10, taken=START + DAY, end=START + DAY)], now=START)
    assert 0 < book.rate(OFFER) < 2
    assert read_risks([ran(-5)], now=START).rate(TOLD) == pytest.approx(0.001)
    assert book.expected(OFFER, hours=1e12) > 0
