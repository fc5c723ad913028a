"""Serving: what is shown of a file, of the way up, and of an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from kyc.wire import api
from tests import rows
from tests.scripted_master import Answer, ScriptedMaster, sse
from tests.unit.cli.conftest import Kyc

SPEC: dict[str, object] = {
    "run": "python app.py",
    "image": "",
    "any_of": [{"use_spot": True, "cpus": 1}],
    "probe": {"path": "/health"},
    "scaling": {
        "min_replicas": 2,
        "max_replicas": 9,
        "policy": "worth",
        "targets": [{"kind": "requests", "per_replica": 5}],
    },
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "web.yaml"
    path.write_text("name: web\nservice: {readiness_probe: /health}\nrun: python app.py\n")
    return path


def script(master: ScriptedMaster, *details: api.ServiceDetail, events: tuple[str, ...] = ("service.ready",)) -> None:
    """Script a service that is in these states, one look after another, while these things happen."""
    seen = iter([*details, *[details[-1]] * len(events)])
    master.on("POST", "/services", rows.service_plan(SPEC, row=details[0].row))
    master.on("GET", "/services/web", lambda _: next(seen))
    master.on("GET", "/events", [])
    told = [rows.event(number, kind, "web", "it is so") for number, kind in enumerate(events, start=1)]
    master.on(
        "GET", "/events/stream", lambda _: Answer(body=sse(*told, name="event"), content_type="text/event-stream")
    )


def test_a_dry_run_shows_the_file_and_what_it_would_cost(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    plan = rows.service_plan(SPEC, warnings=["`envs` is empty"], offers=[rows.offer()])
    master.on("POST", "/services", plan)
    done = kyc("serve", file, "--dry-run")
    assert done.code == 0
    for told in ("2 to 9", "5 requests a replica", "/health", "Nothing was started.", "4 replicas on each"):
        assert told in done.out
    assert "`envs` is empty" in done.err
    assert master.paths() == ["POST /services"], "nothing else is asked"


def test_it_waits_until_the_service_answers(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    coming, up = rows.service(state="starting"), rows.service(state="running", ready=2)
    script(master, coming, coming, up, events=("replica.ready", "service.ready"))
    done = kyc("serve", file)
    assert done.code == 0
    assert "web answers at http://127.0.0.1:8080 with 2 replicas on 1 instance." in done.out
    assert "service.ready" in done.out


def test_an_update_is_over_when_no_older_replica_is_left(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    mixed = rows.service(state="running", ready=2, revision=2, of=(1, 2))
    done_ = rows.service(state="running", ready=2, revision=2, of=(2, 2))
    script(master, mixed, mixed, done_, events=("replica.ready", "replica.ready"))
    assert kyc("serve", file).code == 0
    looks = [path for path in master.paths() if path == "GET /services/web"]
    assert len(looks) == 3, "the first replica of the new revision is not its end"


def test_a_service_that_fails_says_why(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    failed = rows.service(state="failed", reason="3 replicas in a row never got ready")
    script(master, rows.service(state="starting"), failed, events=("service.failed",))
    done = kyc("serve", file)
    assert done.code == 1
    assert "3 replicas in a row never got ready" in done.out
    assert "kyc logs web" in done.out


def test_json_is_one_document(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    script(master, rows.service(state="starting"), rows.service(state="running", ready=2))
    done = kyc("serve", file, "--json")
    assert done.code == 0
    assert isinstance(done.json, dict)
    assert done.json["row"]["state"] == "running"


def test_detached_it_says_where_it_will_answer(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    script(master, rows.service(state="starting"))
    done = kyc("serve", file, "-d")
    assert done.code == 0
    assert "it will answer at http://127.0.0.1:8080" in done.out
    assert "GET /events/stream" not in master.paths()
