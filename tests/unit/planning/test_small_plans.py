"""The small plans: offers in order, Terraform runs, liveness, money."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import START
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.offer import Purchase
from kyc.domain.workload import Bound, Requirement
from kyc.planning.fleet import plan_fleet
from kyc.planning.ledger import cost_of
from kyc.planning.liveness import Patience, Sighting, lost_because
from kyc.planning.market import rank_offers

DEAR = fake_offer(zone="a", price="0.05")
CHEAP = fake_offer(zone="b", price="0.03")
SAFE = fake_offer(zone="c", purchase=Purchase.ON_DEMAND, price="0.10")
RUNS = Sighting(running=True)


def instance(state: InstanceState, **changes: object) -> Instance:
    made = Instance(
        id=InstanceId("i-1"),
        deployment_id=DeploymentId("d-1"),
        offer=CHEAP,
        state=state,
        requested_at=START,
        name="one",
    )
    return replace(made, **changes)


def deployment(state: DeploymentState) -> Deployment:
    ids = (InstanceId("i-1"),)
    return Deployment(id=DeploymentId("d-1"), offer=CHEAP, instance_ids=ids, state=state, requested_at=START)


def test_the_least_cost_comes_first_and_the_failed_pool_last() -> None:
    assert rank_offers([SAFE, DEAR, CHEAP], [Requirement()]) == [CHEAP, DEAR, SAFE]
    assert rank_offers([SAFE, DEAR, CHEAP], [Requirement()], avoid={CHEAP.pool}) == [DEAR, SAFE, CHEAP]
    assert rank_offers([SAFE, DEAR, CHEAP], [Requirement(use_spot=False)]) == [SAFE]


@pytest.mark.parametrize(
    "requirement",
    [
        Requirement(vcpus=Bound(least=2)),
        Requirement(memory_gib=Bound(least=0.1, most=0.5)),
        Requirement(gpu="A100", gpu_count=1),
        Requirement(cloud="aws"),
        Requirement(zone="nowhere"),
        Requirement(max_price_usd_per_hour=Decimal("0.001")),
    ],
)
def test_what_does_not_fit_is_left_out(requirement: Requirement) -> None:
    assert rank_offers([SAFE, DEAR, CHEAP], [requirement]) == []


@pytest.mark.parametrize(
    ("state", "of_instance", "runs", "wanted"),
    [
        (DeploymentState.REQUESTED, InstanceState.REQUESTED, True, 1),
        (DeploymentState.REQUESTED, InstanceState.TERMINATING, True, 0),
        (DeploymentState.APPLIED, InstanceState.READY, False, 0),
        (DeploymentState.APPLIED, InstanceState.TERMINATING, True, 0),
        (DeploymentState.APPLIED, InstanceState.TERMINATED, True, 0),
        (DeploymentState.FAILED, InstanceState.FAILED, True, 0),
        (DeploymentState.DESTROYED, InstanceState.TERMINATED, False, 0),
    ],
)
def test_terraform_runs_where_reality_differs(
    state: DeploymentState, of_instance: InstanceState, runs: bool, wanted: int
) -> None:
    plans = plan_fleet([deployment(state)], [instance(of_instance)])
    assert bool(plans) is runs
    assert [len(plan.wanted) for plan in plans] == [wanted] * runs


@pytest.mark.parametrize(
    ("state", "sighting", "silent_s", "lost"),
    [
        (InstanceState.READY, RUNS, 1, False),
        (InstanceState.READY, RUNS, 11, True),
        (InstanceState.READY, Sighting(running=False, end_reason="killed"), 0, True),
        (InstanceState.READY, None, 1, False),
        (InstanceState.READY, None, 6, True),
        (InstanceState.BOOTING, RUNS, 60, False),
        (InstanceState.TERMINATING, None, 60, False),
    ],
)
def test_when_an_instance_is_lost(state: InstanceState, sighting: Sighting | None, silent_s: float, lost: bool) -> None:
    silent = timedelta(seconds=silent_s)
    reason = lost_because(instance(state), sighting, silent=silent, now=START, patience=Patience())
    assert (reason is not None) is lost


def test_an_agent_that_never_comes_is_lost_after_the_boot_time() -> None:
    late = START + timedelta(minutes=11)
    booting = instance(InstanceState.BOOTING, started_at=START)
    reason = lost_because(booting, RUNS, silent=timedelta(minutes=11), now=late, patience=Patience())
    assert reason == "no agent came within 600 s"


def test_money_to_the_cent() -> None:
    # 30 minutes at 0.03 and 90 minutes at 0.03 spot against 0.10 on demand: 2 h -> 0.06 spent, 0.20 on demand.
    half = instance(InstanceState.TERMINATED, started_at=START, ended_at=START + timedelta(minutes=30), offer=CHEAP)
    runs = instance(InstanceState.READY, started_at=START)
    cost = cost_of([half, runs], now=START + timedelta(minutes=90))
    assert (cost.spent, cost.on_demand, cost.saved) == (Decimal("0.06"), Decimal("0.2"), Decimal("0.14"))
    assert cost.used == timedelta(hours=2)
    assert cost.per_hour_now == Decimal("0.03")


def test_what_never_started_costs_nothing() -> None:
    assert cost_of([instance(InstanceState.FAILED)], now=START).spent == 0
