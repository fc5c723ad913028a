"""Rows out of domain values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.domain.ids import DeploymentId, InstanceId, WorkloadName
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.interruption import Notice, NoticeKind
from kyc.domain.job import Job, JobState
from kyc.domain.workload import JobSpec
from kyc.master.market_views import offer_row
from kyc.master.money import accounts_of, cost_report
from kyc.master.views import by_workload, instance_row, spec_view, workload_row
from kyc.planning.freshness import Freshness
from kyc.wire.agent import Pulse
from kyc.wire.api import CostBy

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TRAIN = WorkloadName("train")


def instance(key: str, state: InstanceState, *, started: timedelta, ended: timedelta | None, price: str) -> Instance:
    return Instance(
        id=InstanceId(key),
        deployment_id=DeploymentId("d-1"),
        offer=fake_offer(price=price),
        state=state,
        requested_at=NOW - started,
        name=key,
        workload=TRAIN,
        started_at=NOW - started,
        ended_at=None if ended is None else NOW - ended,
    )


OVER = instance("i-1", InstanceState.TERMINATED, started=3 * HOUR, ended=HOUR, price="0.03")
UP = instance("i-2", InstanceState.READY, started=HOUR, ended=None, price="0.02")
ASKED = replace(UP, id=InstanceId("i-3"), state=InstanceState.REQUESTED, started_at=None)


def job(**changes: object) -> Job:
    spec = JobSpec(name=TRAIN, run="x", deadline=2 * HOUR)
    return replace(
        Job(name=TRAIN, spec=spec, state=JobState.RUNNING, requested_at=NOW - 3 * HOUR, sealed_key="k"), **changes
    )


def pulse(dirty_since: datetime | None) -> Pulse:
    return Pulse(at=NOW, cpu=0, memory=0, disk=0, dirty_since=dirty_since)


def test_a_workload_costs_what_its_instances_cost() -> None:
    row = workload_row(job(interruptions=1, attempts=2), [OVER, UP, ASKED], None, now=NOW)
    assert (row.cost_usd, row.saved_usd) == (0.08, 0.22)
    assert (row.instances, row.attempt, row.interruptions) == (1, 2, 1)
    assert row.deadline_at == NOW - HOUR


@pytest.mark.parametrize(
    ("told", "state", "rpo_s"),
    [
        (None, JobState.RUNNING, None),
        (pulse(None), JobState.RUNNING, 0),
        (pulse(NOW - timedelta(seconds=1.5)), JobState.RUNNING, 1.5),
        (pulse(NOW + timedelta(seconds=3)), JobState.RUNNING, 0),
        (pulse(NOW - HOUR), JobState.SUCCEEDED, None),
    ],
)
def test_rpo_is_the_age_of_the_oldest_unsafe_change(told: Pulse | None, state: JobState, rpo_s: float | None) -> None:
    assert workload_row(job(state=state), [], told, now=NOW).rpo_s == rpo_s


def test_secrets_are_hidden_by_their_names() -> None:
    hidden = ("API_KEY", "key", "HF_TOKEN", "aws_secret_access_key", "DB_PASSWORD", "PASS", "MY_AUTH")
    shown = ("EPOCHS", "KEYBOARD", "PASSES", "AUTHOR", "MONKEY")
    spec = JobSpec(name=TRAIN, run="x", envs=dict.fromkeys(hidden + shown, "value"))
    assert spec_view(spec)["envs"] == dict.fromkeys(hidden, "***") | dict.fromkeys(shown, "value")


def test_the_report_sums_up() -> None:
    bare = replace(UP, workload=None)
    report = cost_report(accounts_of(by_workload([OVER, UP, bare]), [], now=NOW), by=CostBy.WORKLOAD, now=NOW)
    assert [(row.name, row.spent_usd) for row in report.rows] == [("-", 0.02), ("train", 0.08)]
    assert (report.total.spent_usd, report.total.on_demand_usd, report.total.per_hour_now_usd) == (0.1, 0.4, 0.04)
    assert report.total.instance_seconds == 4 * 3600


def test_the_report_by_day_sums_up_to_the_same() -> None:
    bare = replace(UP, workload=None, started_at=NOW - 13 * HOUR, requested_at=NOW - 13 * HOUR)
    accounts = accounts_of(by_workload([OVER, UP, bare]), [], now=NOW)
    report = cost_report(accounts, by=CostBy.DAY, now=NOW)
    assert [row.name for row in report.rows] == ["2025-02-28", "2025-03-01"]
    assert report.rows[0].instance_seconds == 3600
    assert report.total == cost_report(accounts, by=CostBy.WORKLOAD, now=NOW).total
    assert sum(row.spent_usd for row in report.rows) == pytest.approx(report.total.spent_usd)
    assert [row.per_hour_now_usd for row in report.rows] == [0, report.total.per_hour_now_usd]


def test_the_report_by_user_sums_up_to_the_same() -> None:
    bare = replace(UP, workload=None)
    accounts = accounts_of({"train": [OVER, UP], "d-1": [bare], "d-2": [bare]}, [], now=NOW)
    users = {"train": "ann", "d-1": "ann", "d-2": ""}
    report = cost_report(accounts, by=CostBy.USER, now=NOW, users=users)
    assert [(row.name, row.spent_usd, row.on_demand_usd) for row in report.rows] == [
        ("-", 0.02, 0.1),
        ("ann", 0.1, 0.4),
    ]
    assert report.total == cost_report(accounts, by=CostBy.WORKLOAD, now=NOW).total


def test_an_instance_says_when_it_will_be_taken() -> None:
    notice = Notice(kind=NoticeKind.INTERRUPTION, noticed_at=NOW, deadline_at=NOW + HOUR)
    row = instance_row(replace(UP, notice=notice), now=NOW)
    assert (row.notice_deadline_at, row.cost_usd, row.spot, row.type) == (NOW + HOUR, 0.02, True, "small")


def test_an_offer_without_a_list_price_saves_nothing() -> None:
    known, unknown = fake_offer(price="0.03"), replace(fake_offer(), on_demand_known=False)
    assert offer_row(known, Freshness(), now=NOW).saving == 0.7
    assert offer_row(unknown, Freshness(), now=NOW).saving is None
    assert offer_row(unknown, Freshness(), now=NOW).on_demand_usd_per_hour is None
