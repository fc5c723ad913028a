"""The REST API route by route, without a network: what it does, and how it says no."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from kyc.domain.event import Event, EventKind, LogLines
from kyc.domain.ids import InstanceId, WorkloadName
from kyc.domain.instance import InstanceState
from kyc.master.metrics import render
from kyc.ports.store import EventFilter
from kyc.wire.agent import Pulse
from kyc.wire.api import (
    BudgetRow,
    CatalogReport,
    CloudRow,
    CostReport,
    DeploymentRow,
    EventRow,
    Health,
    ImportReport,
    InstanceRow,
    InterruptedRow,
    JobPlan,
    LogRow,
    MigrationRow,
    OfferRow,
    SearchReport,
    SnapshotRow,
    StreamCheck,
    StreamState,
    WorkloadDetail,
    WorkloadRow,
)
from tests.integration.stand import JOB, STARTED, Stand, in_process, make_stand, read, told
from tests.rows import workload


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


@pytest.fixture
async def client(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(stand) as client:
        yield client


_INTERRUPTIONS = frozenset({EventKind.INTERRUPTION_REQUESTED, EventKind.INTERRUPTION_BEGUN})
_SIGNING_IN = {"/api/v1/session", "/api/v1/session/setup"}
_OPEN = {"/api/v1/health", "/api/v1/session"}


class TestWhoMayCall:
    async def test_health_is_open(self, stand: Stand) -> None:
        async with in_process(stand, with_token=False) as client:
            found = read(await client.get("/health"), Health)
        assert (found.master_id, found.ready, found.started_at) == ("m1", True, STARTED)

    @pytest.mark.parametrize(
        "value", [None, "Bearer wrong", "Bearer ", "Basic dTpw", "the-administrators-token", "Bearer é"]
    )
    async def test_all_else_needs_the_token(self, stand: Stand, value: str | None) -> None:
        headers = {} if value is None else {"Authorization": value.encode()}
        async with in_process(stand, with_token=False) as client:
            for path in ("/workloads", "/instances", "/events", "/events/stream", "/offers", "/cost", "/clouds"):
                response = await client.get(path, headers=headers)
                assert told(response, 401).next_step
                assert response.headers["www-authenticate"] == "Bearer"
            assert (await client.put(f"/archives/{'0' * 64}", content=b"x", headers=headers)).status_code == 401
            assert (await client.post("/shutdown", json={}, headers=headers)).status_code == 401

    async def test_every_route_but_health_and_the_agents_is_guarded(
        self, stand: Stand, client: httpx.AsyncClient
    ) -> None:
        paths = (await client.get("/openapi.json")).json()["paths"]
        async with in_process(stand, with_token=False) as stranger:
            for path, operations in paths.items():
                for method in operations:
                    response = await stranger.request(method, path.removeprefix("/api/v1"))
                    if path in _SIGNING_IN and method == "post":
                        assert response.status_code == 403, "it comes from no page of ours"
                        continue
                    is_open = (method == "get" and path in _OPEN) or path.endswith("/enrol")
                    assert (response.status_code == 401) != is_open, (method, path)


class TestJobs:
    async def test_a_job_is_stored_and_planned(self, stand: Stand, client: httpx.AsyncClient) -> None:
        plan = read(await client.post("/jobs", json={"file": JOB}), JobPlan, 201)
        assert plan.name == "train"
        assert plan.row is not None
        assert plan.row.state == "queued"
        assert [offer.price_usd_per_hour for offer in plan.offers] == [0.02, 0.03, 0.09, 0.1]
        assert plan.expected_usd_per_hour == 0.02
        assert await stand.store.job(WorkloadName("train")) is not None

    async def test_a_dry_run_stores_nothing(self, stand: Stand, client: httpx.AsyncClient) -> None:
        plan = read(await client.post("/jobs", json={"file": JOB, "name": "other", "dry_run": True}), JobPlan)
        assert (plan.name, plan.row, plan.spec["run"]) == ("other", None, "python train.py")
        assert await stand.store.jobs() == []

    async def test_a_taken_name_gets_a_number(self, client: httpx.AsyncClient) -> None:
        names = [read(await client.post("/jobs", json={"file": JOB}), JobPlan, 201).name for _ in range(3)]
        assert names == ["train", "train-2", "train-3"]

    async def test_no_offer_is_a_warning(self, client: httpx.AsyncClient) -> None:
        file = JOB + "resources: {cpus: 1000+}\n"
        plan = read(await client.post("/jobs", json={"file": file, "dry_run": True}), JobPlan)
        assert plan.offers == []
        assert plan.expected_usd_per_hour is None
        assert "no offer" in plan.warnings[-1]
        assert "kyc offers" in plan.warnings[-1]

    async def test_secrets_among_the_variables_are_not_shown(self, client: httpx.AsyncClient) -> None:
        file = JOB + "envs: {EPOCHS: '20', HF_TOKEN: abc123, AWS_SECRET_ACCESS_KEY: def456}\n"
        response = await client.post("/jobs", json={"file": file})
        assert read(response, JobPlan, 201).spec["envs"]["EPOCHS"] == "20"
        shown = await client.get("/workloads/train")
        for text in (response.text, shown.text):
            assert "abc123" not in text
            assert "def456" not in text

    @pytest.mark.parametrize(
        ("body", "place"),
        [
            ({"file": "name: x\n"}, "run"),
            ({"file": "name: x\nrun: a\nkep: [b]\n"}, "kep"),
            ({"file": "name: [\n"}, ""),
            ({"file": JOB, "name": "No Such Name!"}, "name"),
            ({"file": JOB, "workdir": "0" * 64}, "archive"),
            ({"file": JOB, "workdir": "../../etc/passwd"}, "SHA-256"),
            ({}, "body.file"),
            ({"file": 3}, "body.file"),
            ([], "body"),
        ],
    )
    async def test_a_wrong_request_names_the_place_and_leaves_nothing(
        self, stand: Stand, client: httpx.AsyncClient, body: object, place: str
    ) -> None:
        response = await client.post("/jobs", json=body)
        assert response.status_code in {404, 422}
        problem = told(response, response.status_code)
        assert place in problem.detail
        assert await stand.store.jobs() == []

    async def test_a_body_that_is_no_json_is_a_problem(self, client: httpx.AsyncClient) -> None:
        told(await client.post("/jobs", content=b"{", headers={"Content-Type": "application/json"}), 422)


class TestWorkloads:
    async def test_list_show_and_stop(self, client: httpx.AsyncClient) -> None:
        await client.post("/jobs", json={"file": JOB + "deadline: 1h\n"})
        [row] = read(await client.get("/workloads"), list[WorkloadRow])
        assert (row.name, row.kind, row.state, row.instances, row.cost_usd) == ("train", "job", "queued", 0, 0)
        assert row.deadline_at == row.requested_at + timedelta(hours=1)
        detail = read(await client.get("/workloads/train"), WorkloadDetail)
        assert detail.row == row
        assert detail.attempts == []
        assert read(await client.post("/workloads/train/stop"), WorkloadRow).name == "train"

    @pytest.mark.parametrize("path", ["", "/logs", "/logs/stream", "/snapshots", "/snapshots/latest/files"])
    async def test_an_unknown_name(self, client: httpx.AsyncClient, path: str) -> None:
        assert "kyc ps" in told(await client.get(f"/workloads/nobody{path}"), 404).next_step

    async def test_stopping_an_unknown_name(self, client: httpx.AsyncClient) -> None:
        told(await client.post("/workloads/nobody/stop"), 404)

    async def test_logs_page_by_page(self, stand: Stand, client: httpx.AsyncClient) -> None:
        await client.post("/jobs", json={"file": JOB})
        pieces = [LogLines(workload="train", attempt="train.1", at=STARTED, text=f"{n}\n") for n in range(5)]
        await stand.store.save(logs=pieces)
        first = read(await client.get("/workloads/train/logs", params={"limit": 3}), list[LogRow])
        rest = read(await client.get("/workloads/train/logs", params={"after": first[-1].seq}), list[LogRow])
        assert [row.text for row in first + rest] == ["0\n", "1\n", "2\n", "3\n", "4\n"]

    async def test_snapshots_newest_first_and_their_files(self, client: httpx.AsyncClient) -> None:
        await client.post("/jobs", json={"file": JOB})
        rows = read(await client.get("/workloads/train/snapshots"), list[SnapshotRow])
        assert [row.sequence for row in rows] == [2, 1]
        for name in ("latest", "1"):
            response = await client.get(f"/workloads/train/snapshots/{name}/files")
            assert (response.status_code, response.content) == (200, b"tarball")
        told(await client.get("/workloads/train/snapshots/9/files"), 404)
        told(await client.get("/workloads/train/snapshots/newest/files"), 422)


class TestMetrics:
    async def test_prometheus_reads_workloads_and_instances(self, stand: Stand, client: httpx.AsyncClient) -> None:
        await client.post("/jobs", json={"file": JOB})
        made = read(await client.post("/deployments", json={"count": 2}), DeploymentRow, 201)
        stand.pulses.heard(InstanceId(made.instances[0]), Pulse(at=STARTED, cpu=0.5, memory=0.25, disk=0.1))
        answer = await client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        found = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }
        assert found["kyc_workload_state", "job", "queued", "train"] == 1
        assert found["kyc_workload_interruptions_total", "train"] == 0
        assert found["kyc_instances", "fake", "requested", "spot"] == 2
        assert found["kyc_instance_cpu_ratio", "", made.instances[0]] == 0.5
        assert not [name for name, *_ in found if name == "kyc_workload_rpo_seconds"]  # nothing runs yet

    async def test_a_running_workload_tells_what_is_unsafe(self) -> None:
        row = workload(rpo_s=1.5, dirty_bytes=1000, flush_estimate_s=0.2)
        text = render([row], []).decode()
        for line in (
            'kyc_workload_rpo_seconds{workload="train"} 1.5',
            'kyc_workload_dirty_bytes{workload="train"} 1000.0',
            'kyc_workload_flush_estimate_seconds{workload="train"} 0.2',
        ):
            assert line in text.splitlines()

    async def test_it_wants_the_token(self, stand: Stand) -> None:
        async with in_process(stand, with_token=False) as client:
            told(await client.get("/metrics"), 401)


class TestStreams:
    async def test_moving_is_stored_and_listed(self, stand: Stand, client: httpx.AsyncClient) -> None:
        await client.post("/jobs", json={"file": JOB})
        asked = {"url": "kafka://there", "token": "s3cret", "workloads": ["train"]}
        rows = read(await client.post("/stream/migrate", json=asked), list[MigrationRow], 202)
        assert [(row.name, row.state, row.source, row.target) for row in rows] == [
            ("train", "copying", "fake://", "kafka://there")
        ]
        assert read(await client.get("/stream/migrations"), list[MigrationRow]) == rows
        assert read(await client.get("/stream"), StreamState).url == rows[0].source
        again = read(await client.post("/stream/migrate", json=asked), list[MigrationRow], 202)
        assert again == rows
        events = await stand.store.events_after(0, limit=100)
        assert [event.kind for event in events].count(EventKind.STREAM_MOVING) == 1
        assert "s3cret" not in str(events)

    async def test_naming_the_stream_it_lies_in_calls_a_move_off(self, stand: Stand, client: httpx.AsyncClient) -> None:
        await client.post("/jobs", json={"file": JOB})
        read(await client.post("/stream/migrate", json={"url": "kafka://there"}), list[MigrationRow], 202)
        for _ in range(2):
            (row,) = read(await client.post("/stream/migrate", json={"url": "fake://"}), list[MigrationRow], 202)
            assert (row.state, row.source, row.target) == ("stays", "fake://", "")
        kinds = [event.kind for event in await stand.store.events_after(0, limit=100)]
        assert kinds.count(EventKind.STREAM_STAYED) == 1

    async def test_an_unfit_stream_or_an_unknown_name_moves_nothing(self, client: httpx.AsyncClient) -> None:
        await client.post("/jobs", json={"file": JOB})
        told(await client.post("/stream/migrate", json={"url": "kafka://bad"}), 409)
        told(await client.post("/stream/migrate", json={"url": "kafka://there", "workloads": ["nobody"]}), 404)
        assert [row.state for row in read(await client.get("/stream/migrations"), list[MigrationRow])] == ["stays"]

    async def test_checking(self, client: httpx.AsyncClient, tmp_path: Path) -> None:
        found = read(await client.post("/stream/check", json={"url": f"file://{tmp_path}/s"}), StreamCheck)
        assert found.ok
        assert {"reach", "space", "fence"} <= {row.subject for row in found.findings}
        told(await client.post("/stream/check", json={"url": "ftp://x"}), 422)


class TestInstances:
    async def launched(self, client: httpx.AsyncClient, **wish: object) -> DeploymentRow:
        return read(await client.post("/deployments", json=wish), DeploymentRow, 201)

    async def test_launch_list_show(self, client: httpx.AsyncClient) -> None:
        made = await self.launched(client, count=2)
        assert made.offer == "fake/fake/fake-b/small/spot"
        assert read(await client.get("/deployments"), list[DeploymentRow]) == [made]
        rows = read(await client.get("/instances"), list[InstanceRow])
        assert [row.id for row in rows] == made.instances
        assert (rows[0].state, rows[0].spot, rows[0].price_usd_per_hour) == ("requested", True, 0.02)
        assert read(await client.get(f"/instances/{rows[0].id}"), InstanceRow) == rows[0]

    async def test_ended_ones_only_when_asked_for(self, stand: Stand, client: httpx.AsyncClient) -> None:
        made = await self.launched(client)
        found = await stand.store.instance(InstanceId(made.instances[0]))
        await stand.store.save(found.to(InstanceState.FAILED))
        assert read(await client.get("/instances"), list[InstanceRow]) == []
        assert len(read(await client.get("/instances", params={"all": "true"}), list[InstanceRow])) == 1

    async def test_terminate_and_interrupt(self, stand: Stand, client: httpx.AsyncClient) -> None:
        made = await self.launched(client)
        first = made.instances[0]
        assert "still being made" in told(await client.post(f"/instances/{first}/interrupt", json={}), 409).detail
        found = await stand.store.instance(InstanceId(first))
        deployment = (await stand.store.deployments())[0]
        seen = stand.cloud.launch(deployment, found.id, "")
        up = replace(found.to(InstanceState.PROVISIONING), provider_id=seen.provider_id)
        await stand.store.save(up)
        row = read(await client.post(f"/instances/{first}/interrupt", json={"notice_s": 0}), InterruptedRow)
        assert (row.id, row.how) == (first, "killed")
        asked, begun = await stand.store.events_after(0, limit=9, wanted=EventFilter(kinds=_INTERRUPTIONS))
        assert (asked.reason, begun.reason) == ("asked for", "killed")
        assert stand.cloud.running() == set()
        assert read(await client.post(f"/instances/{first}/terminate"), InstanceRow).state == "terminating"

    async def test_unknown_ones(self, client: httpx.AsyncClient) -> None:
        assert "kyc instances" in told(await client.get("/instances/i-none"), 404).next_step
        told(await client.post("/instances/i-none/interrupt", json={"notice_s": 1}), 404)
        told(await client.post("/instances/i-none/terminate"), 404)
        told(await client.post("/deployments", json={"offer": "no/such/offer"}), 404)

    @pytest.mark.parametrize("notice_s", [-1, 1e9, "soon", None])
    async def test_a_wrong_notice(self, client: httpx.AsyncClient, notice_s: object) -> None:
        assert (
            "notice_s" in told(await client.post("/instances/i-1/interrupt", json={"notice_s": notice_s}), 422).detail
        )

    @pytest.mark.parametrize("count", [0, -1, 101, "x", 1.5])
    async def test_a_wrong_count(self, client: httpx.AsyncClient, count: object) -> None:
        told(await client.post("/deployments", json={"count": count}), 422)


class TestOffers:
    @pytest.mark.parametrize(
        ("query", "prices"),
        [
            ({}, [0.02, 0.03, 0.09, 0.1]),
            ({"spot": "true"}, [0.02, 0.03, 0.09]),
            ({"spot": "false"}, [0.1]),
            ({"zone": "fake-b"}, [0.02]),
            ({"cloud": "aws"}, []),
            ({"max_price": "0.05"}, [0.02, 0.03]),
            ({"cpus": "1+", "memory": "1+"}, [0.02, 0.03, 0.09, 0.1]),
            ({"cpus": "2+"}, []),
            ({"gpu": "A100:1"}, []),
            ({"sort": "risk"}, [0.02, 0.03, 0.09, 0.1]),
            ({"group": "type"}, [0.02, 0.09]),
            ({"limit": "2"}, [0.02, 0.03]),
            ({"type": "large"}, [0.09]),
            ({"arch": "arm64"}, []),
            ({"gpu_memory": "16+"}, []),
            ({"sort": "value"}, [0.02, 0.03, 0.09, 0.1]),
        ],
    )
    async def test_search(self, client: httpx.AsyncClient, query: dict[str, str], prices: list[float]) -> None:
        rows = read(await client.get("/offers", params=query), list[OfferRow])
        assert [row.price_usd_per_hour for row in rows] == prices

    async def test_rows_carry_age_and_total(self, stand: Stand, client: httpx.AsyncClient) -> None:
        response = await client.get("/offers", params={"limit": 1})
        assert response.headers["X-Total-Count"] == "4"
        row = read(response, list[OfferRow])[0]
        assert row.age_s > 0
        assert row.stale
        assert (row.group_size, row.interruption_band, row.on_demand_usd_per_hour) == (1, None, 0.1)

    async def test_an_empty_answer_is_explained(self, client: httpx.AsyncClient) -> None:
        report = read(await client.get("/offers/explanation", params={"cpus": "2+", "cloud": "fake"}), SearchReport)
        assert (report.searched, report.total) == (4, 0)
        assert [(one.filter, one.wish, one.count) for one in report.removed] == [("cpus", "2+", 4)]
        assert report.nearest[0].price_usd_per_hour == 0.02

    @pytest.mark.parametrize(
        "query",
        [
            {"cpus": "many"},
            {"memory": "-4"},
            {"max_price": "free"},
            {"sort": "luck"},
            {"spot": "x"},
            {"gpu_memory": "lots"},
        ],
    )
    async def test_a_wrong_wish_names_itself(self, client: httpx.AsyncClient, query: dict[str, str]) -> None:
        assert next(iter(query)) in told(await client.get("/offers", params=query), 422).detail


class TestCatalog:
    async def test_what_there_is_is_counted(self, client: httpx.AsyncClient) -> None:
        report = read(await client.get("/catalog"), CatalogReport)
        assert report.rows == 4
        assert {(one.spot, one.rows, one.stale) for one in report.coverage} == {(True, 3, True), (False, 1, True)}
        assert [(feed.name, feed.state) for feed in report.feeds] == [("fake-feed", "idle")]

    async def test_a_refresh_is_asked_for_and_seen(self, client: httpx.AsyncClient) -> None:
        report = read(await client.post("/catalog/refresh", json={"cloud": "fake"}), CatalogReport, 202)
        assert [feed.state for feed in report.feeds] == ["waiting"]
        assert "fake" in told(await client.post("/catalog/refresh", json={"cloud": "moon"}), 404).next_step

    async def test_a_table_is_imported_and_not_kept(self, stand: Stand, client: httpx.AsyncClient) -> None:
        content = b"cloud,region\n"
        digest = hashlib.sha256(content).hexdigest()
        report = read(await client.put(f"/catalog/tables/{digest}", content=content), ImportReport)
        assert (report.prices, report.machines) == (2, 1)
        assert not stand.services.tables.has(digest)
        told(await client.put(f"/catalog/tables/{digest}", content=b"other"), 422)


class TestEvents:
    @pytest.fixture(autouse=True)
    async def timeline(self, stand: Stand) -> None:
        kinds = [EventKind.JOB_QUEUED, EventKind.JOB_STARTED]
        events = [Event(kind=kinds[n % 2], subject=f"s{n % 3}", at=STARTED, data={"n": n}) for n in range(1, 31)]
        await stand.store.save(events=events)

    async def seqs(self, client: httpx.AsyncClient, **query: object) -> list[int]:
        return [row.seq for row in read(await client.get("/events", params=query), list[EventRow])]

    async def test_page_filter_and_tail(self, client: httpx.AsyncClient) -> None:
        assert await self.seqs(client) == list(range(1, 31))
        assert await self.seqs(client, after=10, limit=3) == [11, 12, 13]
        assert await self.seqs(client, kind=["job.started"], subject="s0", limit=2) == [3, 9]
        assert await self.seqs(client, tail=3) == [28, 29, 30]
        assert await self.seqs(client, tail=0) == []
        assert await self.seqs(client, tail=99) == list(range(1, 31))
        assert await self.seqs(client, tail=2, subject="s1", kind=["job.queued", "job.started"]) == [25, 28]
        assert await self.seqs(client, tail=2, subject="nobody") == []

    @pytest.mark.parametrize("query", [{"after": "-1"}, {"limit": "0"}, {"kind": "job.danced"}, {"tail": "all"}])
    async def test_a_wrong_query(self, client: httpx.AsyncClient, query: dict[str, str]) -> None:
        assert next(iter(query)) in told(await client.get("/events", params=query), 422).detail

    async def test_a_wrong_place_to_resume(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/events/stream", headers={"Last-Event-ID": "yesterday"})
        assert "Last-Event-ID" in told(response, 422).detail


class TestBudgets:
    async def test_set_list_and_remove(self, stand: Stand, client: httpx.AsyncClient) -> None:
        assert read(await client.get("/budgets"), list[BudgetRow]) == []
        row = read(await client.put("/budgets/day", json={"limit_usd": 12.5}), BudgetRow)
        assert (row.scope, row.limit_usd, row.left_usd, row.share, row.stage) == ("day", 12.5, 12.5, 0, "open")
        assert row.ends_at is not None
        await client.post("/jobs", json={"file": JOB + "budget: 3 USD\n"})
        await client.put("/budgets/day", json={"limit_usd": 0, "warn_at": 0.5})
        day, job = read(await client.get("/budgets"), list[BudgetRow])
        assert (day.stage, day.share, day.warn_at) == ("spent", 1, 0.5)
        assert (job.scope, job.limit_usd, job.forecast_usd) == ("train", 3, None)
        assert "budget" in told(await client.post("/deployments", json={}), 403).next_step
        assert (await client.delete("/budgets/train")).status_code == 204
        assert (await client.delete("/budgets/day")).status_code == 204
        assert read(await client.get("/budgets"), list[BudgetRow]) == []
        assert (await client.post("/deployments", json={})).status_code == 201

    @pytest.mark.parametrize(
        "wrong", [{"limit_usd": -1}, {"limit_usd": 1, "warn_at": 0}, {"limit_usd": 1, "warn_at": 2}]
    )
    async def test_what_makes_no_sense(self, client: httpx.AsyncClient, wrong: dict[str, float]) -> None:
        assert told(await client.put("/budgets/day", json=wrong), 422).next_step
        assert told(await client.put("/budgets/nobody", json={"limit_usd": 1}), 404).next_step
        assert told(await client.delete("/budgets/month"), 404).next_step


class TestTheRest:
    async def test_cost(self, stand: Stand, client: httpx.AsyncClient) -> None:
        await client.post("/jobs", json={"file": JOB})
        await client.post("/deployments", json={})
        found = (await stand.store.instances())[0]
        ended = replace(found.to(InstanceState.FAILED), started_at=STARTED, ended_at=STARTED + timedelta(hours=2))
        await stand.store.save(ended)
        report = read(await client.get("/cost"), CostReport)
        assert [row.name for row in report.rows] == ["-"]
        assert (report.total.spent_usd, report.total.saved_usd, report.total.instance_seconds) == (0.04, 0.16, 7200)
        assert read(await client.get("/cost", params={"name": "-"}), CostReport).total.spent_usd == 0.04
        assert read(await client.get("/cost", params={"name": "train"}), CostReport).total.spent_usd == 0
        told(await client.get("/cost", params={"name": "nobody"}), 404)

    async def test_cost_by_user_and_day(self, stand: Stand, client: httpx.AsyncClient) -> None:
        user = {"name": "ann", "role": "admin", "password": "a long password"}
        assert (await client.post("/users", json=user)).status_code == 201
        assert (await client.post("/deployments", json={})).status_code == 201
        async with in_process(stand, with_token=False) as ann:
            ann.headers["Origin"] = "http://kyc"
            assert (await ann.post("/session", json={"name": "ann", "password": "a long password"})).status_code == 200
            assert (await ann.post("/deployments", json={})).status_code == 201
            plan = read(await ann.post("/jobs", json={"file": JOB}), JobPlan, 201)
        job = await stand.store.job(WorkloadName(plan.name))
        assert job is not None
        assert job.user == "ann"
        ours, hers = await stand.store.instances()
        for one, hours in ((ours, 2), (hers, 30)):
            ended_at = STARTED + timedelta(hours=hours)
            await stand.store.save(replace(one.to(InstanceState.FAILED), started_at=STARTED, ended_at=ended_at))
        report = read(await client.get("/cost", params={"by": "user"}), CostReport)
        assert [(row.name, row.spent_usd, row.saved_usd) for row in report.rows] == [
            ("ann", 0.6, 2.4),
            ("operator", 0.04, 0.16),
        ]
        assert report.total.spent_usd == 0.64
        days = read(await client.get("/cost", params={"by": "day"}), CostReport)
        assert sum(row.spent_usd for row in days.rows) == pytest.approx(0.64, abs=1e-9)
        assert days.rows[0].name == STARTED.date().isoformat()

    async def test_clouds(self, client: httpx.AsyncClient) -> None:
        assert read(await client.get("/clouds"), list[CloudRow]) == [
            CloudRow(name="fake", ready=True, message="all is well")
        ]

    async def test_shutdown_is_passed_on(self, stand: Stand, client: httpx.AsyncClient) -> None:
        assert (await client.post("/shutdown", json={"everything": True})).status_code == 202
        assert stand.operations.asked == [True]

    async def test_an_unknown_path_and_method(self, client: httpx.AsyncClient) -> None:
        assert "/nothing" in told(await client.get("/nothing"), 404).detail
        told(await client.delete("/workloads"), 405)

    async def test_a_database_that_is_away_is_a_503(self, stand: Stand, client: httpx.AsyncClient) -> None:
        stand.store.reachable = False
        told(await client.get("/workloads"), 503)

    async def test_a_defect_shows_no_traceback(self, stand: Stand, client: httpx.AsyncClient) -> None:
        stand.catalog.failure = ZeroDivisionError("secret inner matter")
        problem = told(await client.get("/offers"), 500)
        assert "master.log" in problem.next_step
        assert "inner" not in problem.detail

    async def test_the_description_names_every_operation_once(self, client: httpx.AsyncClient) -> None:
        paths = (await client.get("/openapi.json")).json()["paths"]
        ids = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
        assert len(ids) == len(set(ids)) > 20
        assert all(operation["description"] for operations in paths.values() for operation in operations.values())
