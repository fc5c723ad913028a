"""Saying why nothing fits."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.domain.offer import Arch, Purchase
from kyc.domain.workload import Bound, Requirement
from kyc.planning.misfit import explain_misfit

SMALL = replace(fake_offer(price="0.03"), vcpus=1, memory_mib=1024)
LARGE = replace(fake_offer(instance_type="large", price="0.08"), vcpus=8, memory_mib=32768)
GPU = replace(fake_offer(instance_type="gpu", price="2"), vcpus=8, memory_mib=32768, gpu="A100", gpu_count=1)
ALL = [SMALL, LARGE, GPU]


@pytest.mark.parametrize(
    ("wish", "nearest", "words"),
    [
        (Requirement(vcpus=Bound(least=64)), LARGE, "it has 8 CPUs, not 64+"),
        (Requirement(memory_gib=Bound(least=2, most=2)), SMALL, "it has 1 GiB of memory, not 2"),
        (Requirement(memory_gib=Bound(least=2, most=3)), SMALL, "not 2..3"),
        (Requirement(gpu="A100", gpu_count=8), GPU, "it has A100:1, not A100:8"),
        (Requirement(cloud="aws"), SMALL, "not aws"),
        (Requirement(arch=Arch.ARM64), SMALL, "its architecture is x86_64, not arm64"),
        (Requirement(max_price_usd_per_hour=Decimal("0.01")), SMALL, "it costs $0.03 an hour, more than $0.01"),
        (Requirement(max_price_usd_per_hour=Decimal(0)), SMALL, "more than $0"),
        (Requirement(use_spot=False), SMALL, "it is spot, and use_spot is false"),
        (Requirement(vcpus=Bound(least=8), gpu_count=2), GPU, "it has A100:1, not GPU:2"),
    ],
)
def test_the_nearest_and_what_it_lacks(wish: Requirement, nearest: object, words: str) -> None:
    told = explain_misfit(ALL, [wish])
    assert told.startswith(f"nearest is {nearest.id}, but ")  # type: ignore[attr-defined]
    assert words in told
    assert told.endswith(f"(searched {SMALL.cloud}: 3 offers)")


def test_the_nearest_of_several_alternatives() -> None:
    wishes = [Requirement(vcpus=Bound(least=64), gpu_count=8), Requirement(zone="elsewhere")]
    assert "not elsewhere" in explain_misfit(ALL, wishes)


def test_nothing_is_sold() -> None:
    assert explain_misfit([], [Requirement()]) == "no cloud offers anything now"
    assert "1 offer)" in explain_misfit([replace(SMALL, purchase=Purchase.SPOT)], [Requirement(cloud="x")])
