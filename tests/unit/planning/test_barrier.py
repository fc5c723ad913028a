"""What a refusal says of other offers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kyc.adapters.fake.catalog import START, fake_offer
from kyc.domain.errors import CapacityUnavailableError, CredentialError, KycError, PriceTooLowError, QuotaError
from kyc.domain.errors import UnsupportedOfferError as Unsupported
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.offer import Purchase
from kyc.domain.refusal import Refusal, refusal_of
from kyc.planning.barrier import barriers_of

OFFER = fake_offer(cloud="aws", zone="a")
SAME = {"refused": OFFER}
OTHERS = {
    "zone": replace(OFFER, zone="b"),
    "type": replace(OFFER, instance_type="large"),
    "on demand": replace(OFFER, purchase=Purchase.ON_DEMAND),
    "region": replace(OFFER, region="elsewhere", zone="c"),
    "cloud": replace(OFFER, cloud="gcp"),
}


def refused(refusal: Refusal | None) -> Instance:
    return Instance(
        id=InstanceId("i-1"),
        deployment_id=DeploymentId("d-1"),
        offer=OFFER,
        state=InstanceState.FAILED,
        requested_at=START,
        ended_at=START,
        name="one",
        end_reason="because",
        refusal=refusal,
    )


@pytest.mark.parametrize(
    ("refusal", "left"),
    [
        (None, {"refused", *OTHERS}),
        (Refusal.CAPACITY, {"refused", *OTHERS}),
        (Refusal.PRICE, {"refused", *OTHERS}),
        (Refusal.UNSUPPORTED, {"zone", "type", "region", "cloud"}),
        (Refusal.QUOTA, {"on demand", "region", "cloud"}),
        (Refusal.CREDENTIALS, {"cloud"}),
    ],
)
def test_what_may_still_be_tried(refusal: Refusal | None, left: set[str]) -> None:
    barriers = barriers_of([refused(refusal)], now=START)
    offers = {**SAME, **OTHERS}
    assert {name for name, one in offers.items() if not any(b.bars(one) for b in barriers)} == left
    assert all(barrier.reason == "because" for barrier in barriers)


def test_a_barrier_falls_after_its_time() -> None:
    one = refused(Refusal.QUOTA)
    assert barriers_of([one], now=START + timedelta(minutes=9))
    assert not barriers_of([one], now=START + timedelta(minutes=10))


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (CapacityUnavailableError, Refusal.CAPACITY),
        (PriceTooLowError, Refusal.PRICE),
        (Unsupported, Refusal.UNSUPPORTED),
        (QuotaError, Refusal.QUOTA),
        (CredentialError, Refusal.CREDENTIALS),
        (KycError, Refusal.OTHER),
    ],
)
def test_each_error_is_a_refusal(error: type[KycError], refusal: Refusal) -> None:
    assert refusal_of(error("no")) is refusal
