"""`kyc offers`, `kyc catalog`, and the numbers in `kyc why`."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kyc.cli import market
from kyc.wire import api
from tests import rows
from tests.scripted_master import ScriptedMaster
from tests.unit.cli.conftest import Kyc

SPOT = api.CoverageRow(
    cloud="aws",
    region="us-east-1",
    source="aws-spot",
    spot=True,
    rows=10,
    oldest_at=rows.AT - timedelta(days=1),
    newest_at=rows.AT,
    age_s=60,
    stale=False,
)
FEED = api.FeedRow(
    name="aws-spot", cloud="aws", state="idle", every_s=3600, fetched_at=rows.AT, tried_at=rows.AT, failure=""
)
REPORT = api.CatalogReport(rows=30, coverage=[SPOT, replace(SPOT, region="eu-west-1", rows=20)], feeds=[FEED])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market, "_POLL_S", 0)


def test_the_table_shows_band_age_and_staleness(kyc: Kyc, master: ScriptedMaster) -> None:
    offers = [rows.offer(interruption_band="5-10%"), rows.offer(id="b", stale=True, saving=None, vcpus=0, spot=False)]
    master.on("GET", "/offers", offers)
    out = kyc("offers").out
    assert "5-10% a month" in out
    assert "stale" in out
    assert "kyc catalog refresh" in out
    assert "never" in out


def test_groups_say_what_they_stand_for(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("GET", "/offers", [rows.offer(group_size=12)])
    assert "best of 12" in kyc("offers", "--group", "region", "--limit", "1").out
    assert master.asked[0].query == {"group": ["region"], "limit": ["1"]}


def test_an_empty_answer_explains_itself(kyc: Kyc, master: ScriptedMaster) -> None:
    removed = [api.RemovalRow(filter="cpus", wish="64+", count=3)]
    report = api.SearchReport(searched=3, total=0, removed=removed, nearest=[rows.offer()])
    master.on("GET", "/offers", [])
    master.on("GET", "/offers/explanation", report)
    out = kyc("offers", "--cpus", "64+").out
    assert "None of 3 offers" in out
    assert "cpus 64+: 3 fell out, 0 left" in out
    assert rows.offer().id in out
    assert kyc("offers", "--json").json == []
    master.on("GET", "/offers/explanation", api.SearchReport(searched=0, total=0, removed=[], nearest=[]))
    assert "catalog refresh" in kyc("offers").out


def test_a_cloud_that_there_is_not_is_refused_and_one_without_prices_is_explained(
    kyc: Kyc, master: ScriptedMaster
) -> None:
    master.on("GET", "/offers", [])
    master.on("GET", "/catalog", REPORT)
    master.on("GET", "/clouds", [api.CloudRow(name="local", ready=True, message="")])
    answer = kyc("offers", "--cloud", "mars")
    assert answer.code == 2
    assert "there is no cloud 'mars'" in answer.err
    assert "Known are aws, local." in answer.err
    empty = api.SearchReport(searched=0, total=0, removed=[], nearest=[])
    master.on("GET", "/offers/explanation", empty)
    assert "There are no offers" in kyc("offers", "--cloud", "local").out


def test_info_sums_regions(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("GET", "/catalog", REPORT)
    out = kyc("catalog", "info").out
    assert "2 regions" in out
    assert " 30 " in out
    assert "us-east-1" in kyc("catalog", "info", "--regions").out
    assert kyc("catalog", "info", "--json", "--cloud", "gcp").json["rows"] == 0  # type: ignore[index]


def test_refresh_waits_and_tells_failures(kyc: Kyc, master: ScriptedMaster) -> None:
    waiting = replace(REPORT, feeds=[replace(FEED, state="waiting")])
    failed = replace(REPORT, feeds=[replace(FEED, state="failed", failure="no network")])
    states = iter([waiting, REPORT, waiting, failed])
    master.on("POST", "/catalog/refresh", waiting)
    master.on("GET", "/catalog", lambda _: next(states))
    done = kyc("catalog", "refresh", "--cloud", "aws")
    assert (done.code, done.out) == (0, "aws-spot: prices are in\n")
    done = kyc("catalog", "refresh")
    assert (done.code, done.out) == (1, "aws-spot: no network\n")
    assert "Asked: aws-spot" in kyc("catalog", "refresh", "-d").out


def test_import_uploads_the_file_and_says_what_was_left_out(kyc: Kyc, master: ScriptedMaster, tmp_path: Path) -> None:
    table = tmp_path / "prices.csv"
    table.write_text("cloud,region,instance_type\n")
    report = api.ImportReport(prices=1, machines=1, left_out={"the price is zero": 2})
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    master.on("PUT", f"/catalog/tables/{digest}", report)
    out = kyc("catalog", "import", table).out
    assert "Took 1 price of 1 instance type." in out
    assert "2 left out: the price is zero" in out
    assert kyc("catalog", "import").code == 2
    assert kyc("catalog", "import", tmp_path / "none").code == 2


def test_why_prints_the_numbers() -> None:
    event = rows.event(
        1,
        "instance.requested",
        expected_usd=0.0213,
        work_hours=1,
        work_known=False,
        expected_hours=1.05,
        price_usd_per_hour=0.02,
        expected_interruptions=0.05,
        startup_s=2.0,
        transfer_usd=0.0,
        considered=18,
        price_source="aws-spot",
        priced_at="2026-05-01",
        others=[{"offer": "b", "expected_usd": 0.03, "avoided": True}],
    )
    lines = market.choice_lines(event)
    assert lines[0].startswith("expected $0.0213 for 1 h of work (assumed): 1.05 h at $0.0200/h, 0.050 interruptions")
    assert "avoided" in lines[2]
    assert market.choice_lines(rows.event(1, "job.started")) == []
