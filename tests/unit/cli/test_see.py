"""The commands that show: what people see, and what programs get."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from kyc.cli.output import Output, harmless, state_cell
from kyc.cli.see import show_log
from kyc.domain.event import EventKind
from kyc.wire import api
from tests import rows
from tests.scripted_master import Answer, Asked, ScriptedMaster, sse
from tests.unit.cli.conftest import Kyc

PS_KEYS = [
    "name",
    "kind",
    "state",
    "attempt",
    "instances",
    "cost_usd",
    "saved_usd",
    "interruptions",
    "last_snapshot_at",
    "rpo_s",
    "deadline_at",
]
INSTANCE_KEYS = [
    "id",
    "name",
    "cloud",
    "region",
    "zone",
    "type",
    "spot",
    "state",
    "address",
    "price_usd_per_hour",
    "workload",
    "deployment",
    "started_at",
    "ended_at",
    "provider_id",
]
ATTEMPT = api.AttemptRow(
    id="train.1",
    number=1,
    instance="i-7kq2x9bd",
    state="running",
    epoch=1,
    created_at=rows.AT,
    started_at=rows.AT,
    ended_at=None,
    exit_code=None,
    reason="first",
)
DETAIL = api.WorkloadDetail(row=rows.workload(), spec={"run": "python  train.py\n"}, attempts=[ATTEMPT])
RECOVERY = api.RecoveryRow(
    instance="i-1",
    workload="moved",
    noticed=True,
    at=rows.AT,
    replacement="i-2",
    to_replacement_requested_s=0.3,
    to_resumed_s=2.9,
    ended=False,
)
DEPLOYMENT = api.DeploymentRow(
    id="d-22222222",
    offer="local/lab/lab-a/small/spot",
    state="applied",
    instances=["i-7kq2x9bd"],
    requested_at=rows.AT,
    reason="asked for",
    failure="",
)


@pytest.mark.parametrize("arguments", [["ps", "--json"], ["--json", "ps"]])
def test_ps_has_the_agreed_keys(kyc: Kyc, master: ScriptedMaster, arguments: list[str]) -> None:
    master.on("GET", "/workloads", [rows.workload()])
    (row,) = kyc(*arguments).json  # type: ignore[misc]
    assert set(PS_KEYS) <= row.keys()


def test_ps_for_people(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("GET", "/workloads", [rows.workload(name="old", state="failed", step=None), rows.workload()])
    head, first, second = kyc("ps").out.splitlines()
    assert head.split()[:3] == ["NAME", "STATE", "STEP"]
    assert first.split()[:4] == ["train", "running", "12/60", "2"]
    assert second.split()[:3] == ["old", "failed", "-"]
    master.on("GET", "/workloads", [])
    assert "kyc run" in kyc("ps").out
    assert kyc("ps", "--json").json == []


def test_instances(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("GET", "/instances", [rows.instance(), rows.instance(id="i-2", spot=False, address=None, workload=None)])
    assert "on-demand" in kyc("instances", "--all").out
    assert master.asked[-1].query == {"all": ["true"]}
    assert all(set(INSTANCE_KEYS) <= row.keys() for row in kyc("instances", "--json").json)  # type: ignore[attr-defined]
    master.on("GET", "/instances", [])
    assert "No instances run" in kyc("instances").out


def test_show_finds_by_name_or_id(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("GET", "/workloads/train", DETAIL)
    master.on("GET", "/workloads/i-am-a-job", DETAIL)
    master.on("GET", "/instances/i-7kq2x9bd", rows.instance())
    master.on("GET", "/deployments", [DEPLOYMENT])
    assert "python train.py" in kyc("show", "train").out
    assert "train.1" in kyc("show", "i-am-a-job").out
    assert "127.77.0.2" in kyc("show", "i-7kq2x9bd").out
    assert "asked for" in kyc("show", "d-22222222").out
    master.on("GET", "/workloads/moved", replace(DETAIL, recoveries=[RECOVERY, replace(RECOVERY, to_resumed_s=None)]))
    done, going_on = kyc("show", "moved").out.splitlines()[-2:]
    assert done.split()[-8:] == ["i-1", "a", "notice", "i-2", "0.3", "s", "2.9", "s"]
    assert going_on.rstrip().endswith("-")
    assert kyc("show", "d-22222222", "--json").json["offer"] == DEPLOYMENT.offer  # type: ignore[index]
    missing = kyc("show", "nothing")
    assert missing.code == 3
    assert "kyc ps" in missing.err


def test_why_tells_the_reasons(kyc: Kyc, master: ScriptedMaster) -> None:
    told = [
        rows.event(1, "instance.requested", "i-1", "the cheapest", workload="train", deployment="d-1"),
        rows.event(2, "instance.noticed", "i-1", "the provider says so"),
        rows.event(3, "instance.requested", "i-9", "another's", workload="other", deployment="d-9"),
    ]
    master.on("GET", "/workloads/train", DETAIL)
    master.on("GET", "/events", lambda asked: [] if asked.query["after"] != ["0"] else told)
    done = kyc("why", "train")
    assert "train: running" in done.out
    assert "the provider says so" in done.out
    assert "another's" not in done.out
    assert [event["seq"] for event in kyc("why", "train", "--json").json["events"]] == [1, 2]  # type: ignore[index]


def test_logs(kyc: Kyc, master: ScriptedMaster) -> None:
    lines = [rows.log(1, "one\ntwo\n"), rows.log(2, "three")]
    master.on("GET", "/workloads/train/logs", lambda asked: lines[int(asked.query["after"][0]) :])
    assert kyc("logs", "train").out == "one\ntwo\nthree\n"
    assert [row["text"] for row in kyc("logs", "train", "--json").records] == ["one\ntwo\n", "three"]
    assert kyc("logs", "other").code == 3


def test_logs_are_followed_to_the_end(kyc: Kyc, master: ScriptedMaster) -> None:
    states = iter(["running", "succeeded"])
    last = [rows.log(3, "last")]
    master.on("GET", "/events", [rows.event(5, "job.started")])
    master.on("GET", "/workloads/train", lambda _: dataclasses.replace(DETAIL, row=rows.workload(state=next(states))))
    master.on(
        "GET", "/workloads/train/logs/stream", lambda _: Answer(pieces=[sse(rows.log(1, "one"), rows.log(2, "two"))])
    )
    master.on("GET", "/workloads/train/logs", lambda asked: [r for r in last if r.seq > int(asked.query["after"][0])])

    def ends(_: Asked) -> Answer:
        def pieces() -> Iterator[bytes]:
            while not any(asked.path.endswith("logs/stream") for asked in master.asked):
                yield b": alive\n\n"
            yield sse(rows.event(6, "job.succeeded", "other"), rows.event(7, "job.succeeded"), first=6)

        return Answer(pieces=pieces())

    master.on("GET", "/events/stream", ends)
    done = kyc("logs", "train", "-f")
    assert done.code == 0
    assert done.out.splitlines()[-1] == "last"


def test_events(kyc: Kyc, master: ScriptedMaster) -> None:
    timeline = [rows.event(number, "job.progress", step=number) for number in range(1, 21)]

    def page(asked: Asked) -> object:
        if "tail" in asked.query:
            return timeline[-int(asked.query["tail"][0]) :]
        return [row for row in timeline if row.seq > int(asked.query["after"][0])][: int(asked.query["limit"][0])]

    master.on("GET", "/events", page)
    records = kyc("events", "--json", "--kind", "job.progress", "--kind", "restore", "--subject", "train").records
    assert [record["seq"] for record in records] == list(range(1, 21))
    assert list(records[0]) == ["seq", "at", "kind", "subject", "data", "reason"]
    assert master.asked[0].query["kind"] == ["job.progress", "restore.started", "restore.completed"]
    since = (rows.AT + timedelta(seconds=18)).isoformat()
    assert [record["seq"] for record in kyc("events", "--json", "--since", since).records] == [18, 19, 20]
    assert len(kyc("events", "--since", "1d").out.splitlines()) in {0, 20}


def test_a_jobs_steps_are_shown_to_people_only_if_asked_for(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("GET", "/events", [])
    for arguments in ((), ("--subject", "train"), ("--kind", "job"), ("--json",)):
        kyc("events", *arguments)
    for_people, about_one, wanted, for_programs = (asked.query.get("kind", []) for asked in master.asked)
    assert for_people == about_one
    assert "job.progress" not in for_people
    assert len(for_people) == len(EventKind) - 1
    assert "job.progress" in wanted
    assert for_programs == []


def test_events_are_followed_until_refused(kyc: Kyc, master: ScriptedMaster) -> None:
    answers = iter([Answer(pieces=[sse(rows.event(3, "job.started"), first=3)]), Answer(status=401)])
    master.on("GET", "/events", [rows.event(3, "job.started")])
    master.on("GET", "/events/stream", lambda _: next(answers))
    done = kyc("events", "-f", "--json")
    assert done.code == 4
    assert [record["seq"] for record in done.records] == [3]
    assert master.asked[1].query["after"] == ["2"]


def test_followers_say_that_the_master_is_silent_and_that_it_is_back(kyc: Kyc, master: ScriptedMaster) -> None:
    events = [Answer(pieces=[sse(rows.event(number, "job.started"), first=number)]) for number in (3, 4)]
    answers = iter([events[0], Answer(status=503), Answer(status=503), events[1], Answer(status=401)])
    master.on("GET", "/events", [rows.event(3, "job.started")])
    master.on("GET", "/events/stream", lambda _: next(answers))
    done = kyc("events", "-f")
    lines = done.err.splitlines()
    assert lines[:2] == ["the master does not answer; trying again", "the master answers again"]
    assert lines[2].startswith("error: ")
    assert len(done.out.splitlines()) == 2


def test_no_events(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("GET", "/events", [])
    assert kyc("events").err.startswith("No events yet.")
    assert kyc("events", "--kind", "job").err == "No such events.\n"


def test_what_a_job_prints_cannot_command_the_terminal() -> None:
    text = "10%\r20%\r\n\x1b]0;title\x07\tok \x1b[31mred \x9b2J"
    assert harmless(text) == "20%\n^[]0;title^G\tok \x1b[31mred \\x9b2J\x1b[0m"
    shown = io.StringIO()
    row = rows.log(1, "\x1b[2J\n")
    show_log(Output(stdout=shown, stderr=shown), row)
    show_log(Output(terminal=True, stdout=shown, stderr=shown), row)
    show_log(Output(json=True, stdout=shown, stderr=shown), row)
    assert shown.getvalue().splitlines()[:2] == ["\x1b[2J", "^[[2J"]
    assert "u001b[2J" in shown.getvalue().splitlines()[2]


def test_colours_only_where_they_are_seen() -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    for stream, color in ((plain, False), (coloured, True)):
        out = Output(color=color, stdout=stream, stderr=stream)
        out.table(("A", ">B"), [[state_cell("running"), "1"], ["x", "22"]])
    assert plain.getvalue() == "A         B\nrunning   1\nx        22\n"
    assert "\x1b[32mrunning\x1b[0m" in coloured.getvalue()
