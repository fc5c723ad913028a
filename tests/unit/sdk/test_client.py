"""The synchronous client against a master that answers by script."""

from __future__ import annotations

import io
import socket
import tarfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kyc import Client
from kyc.domain import errors
from kyc.sdk import calls, files, flows
from kyc.sdk.archive import pack
from kyc.sdk.transport import Opened
from kyc.wire import api
from tests import rows
from tests.scripted_master import TOKEN, Answer, Asked, ScriptedMaster, sse

ERRORS = [
    errors.InvalidInputError,
    errors.NotAllowedError,
    errors.NotFoundError,
    errors.ConflictError,
    errors.StaleWriteError,
    errors.FencedError,
    errors.UnreachableError,
    errors.CapacityUnavailableError,
    errors.QuotaError,
    errors.CredentialError,
    errors.DamagedDataError,
    errors.OutOfSpaceError,
    errors.TransitionError,
    errors.KycError,
]


@pytest.fixture
def master() -> Iterator[ScriptedMaster]:
    with ScriptedMaster().running() as running:
        yield running


@pytest.fixture
def client(master: ScriptedMaster) -> Iterator[Client]:
    with Client(master.url, TOKEN) as opened:
        yield opened


def raiser(error: Exception) -> Any:
    def script(_: Asked) -> object:
        raise error

    return script


def test_rows_are_decoded_over_one_connection(master: ScriptedMaster, client: Client) -> None:
    master.on("GET", "/workloads", [rows.workload(), rows.workload(name="other")])
    assert client.workloads() == [rows.workload(), rows.workload(name="other")]
    assert client.workloads()[1].name == "other"
    assert [asked.headers["authorization"] for asked in master.asked] == [f"Bearer {TOKEN}"] * 2


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_arrives_as_it_left(master: ScriptedMaster, client: Client, kind: type[errors.KycError]) -> None:
    master.on("GET", "/cost", raiser(kind("what is wrong", next_step="what to do")))
    with pytest.raises(errors.KycError) as caught:
        client.cost()
    assert type(caught.value) is kind
    assert (str(caught.value), caught.value.next_step) == ("what is wrong", "what to do")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, errors.InvalidInputError), (401, errors.NotAllowedError), (403, errors.NotAllowedError),
     (404, errors.NotFoundError), (409, errors.ConflictError), (422, errors.InvalidInputError),
     (500, errors.KycError), (502, errors.UnreachableError), (503, errors.UnreachableError), (302, errors.KycError)],
)  # fmt: skip
def test_an_answer_of_something_in_between(
    master: ScriptedMaster, client: Client, status: int, kind: type[errors.KycError]
) -> None:
    master.on("GET", "/health", Answer(status=status, body=b"<html>proxy</html>", content_type="text/html"))
    with pytest.raises(errors.KycError) as caught:
        client.health()
    assert type(caught.value) is kind
    assert caught.value.next_step


def test_an_answer_of_another_program(master: ScriptedMaster, client: Client) -> None:
    master.on("GET", "/workloads", Answer(body=b"[{}]"))
    with pytest.raises(errors.UnreachableError, match="makes no sense"):
        client.workloads()


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(errors.UnreachableError) as caught:
        client.health()
    assert caught.value.next_step
    monkeypatch.delenv("KYC_URL", raising=False)
    with Client(home=tmp_path) as client, pytest.raises(errors.UnreachableError, match="no master runs here"):
        client.health()


def test_a_closed_connection_is_opened_anew(master: ScriptedMaster, client: Client) -> None:
    master.on("GET", "/clouds", Answer(body=b"[]", headers={"Connection": "close"}))
    master.on("POST", "/workloads/train/stop", rows.workload())
    assert client.clouds() == []
    assert client.stop("train").name == "train"


def test_a_broken_answer_is_asked_for_again_if_that_is_safe(master: ScriptedMaster, client: Client) -> None:
    answers = iter([Answer(body=b"[]"), Answer(body=b"[", broken=True), Answer(body=b"[]")])
    master.on("GET", "/clouds", lambda _: next(answers))
    assert [client.clouds(), client.clouds()] == [[], []]
    master.on("POST", "/shutdown", Answer(body=b"nu", broken=True))
    with pytest.raises(errors.UnreachableError):
        client.shutdown()
    assert master.paths().count("POST /shutdown") == 1


def test_queries_and_bodies(master: ScriptedMaster, client: Client) -> None:
    master.on("GET", "/offers", [rows.offer()])
    master.on("GET", "/events", [])
    master.on("GET", "/instances", [])
    master.on("POST", "/instances/i-1%2F2/interrupt", rows.interrupted())
    master.on("POST", "/shutdown", Answer(status=202))
    client.offers(cpus="4+", gpu=None, spot=False, sort="risk")
    client.events(tail=3, kinds=["job.started", "job.failed"])
    client.instances(everything=True)
    client.instances()
    client.interrupt("i-1/2", notice_s=0)
    client.shutdown(everything=True)
    assert [asked.query for asked in master.asked[:4]] == [
        {"cpus": ["4+"], "spot": ["false"], "sort": ["risk"]},
        {"tail": ["3"], "kind": ["job.started", "job.failed"]},
        {"all": ["true"]},
        {},
    ]
    assert [msgspec.json.decode(asked.body) for asked in master.asked[4:]] == [{"notice_s": 0}, {"everything": True}]


def test_a_job_with_a_workdir_is_uploaded_once(master: ScriptedMaster, client: Client, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("print(1)")
    file = tmp_path / "My_Job.yaml"
    file.write_text("run: python train.py\nworkdir: code\nenvs: {N: }")
    stored: dict[str, bytes] = {}

    def head(asked: Asked) -> Answer:
        return Answer(status=200 if asked.path.rsplit("/", 1)[1] in stored else 404)

    def put(asked: Asked) -> Answer:
        stored[asked.path.rsplit("/", 1)[1]] = asked.body
        return Answer(status=201)

    sha = _sha_of(tmp_path / "code")
    master.on("HEAD", f"/archives/{sha}", head)
    master.on("PUT", f"/archives/{sha}", put)
    master.on("POST", "/jobs", rows.plan(warnings=["from the master"]))
    with pytest.raises(errors.InvalidInputError, match=r"envs\.N"):
        client.run_job(file)
    steps: list[str] = []
    plan = client.run_job(file, envs={"N": "3"}, on_step=steps.append)
    client.run_job(str(file), envs={"N": "3"}, name="other")
    assert plan.warnings == ["from the master"]
    assert [path.split("/")[0] + path.split("/")[1] for path in master.paths()] == [
        "HEAD archives", "PUT archives", "POST jobs", "HEAD archives", "POST jobs"
    ]  # fmt: skip
    first, second = (
        msgspec.json.decode(asked.body, type=api.JobRequest) for asked in master.asked if asked.method == "POST"
    )
    assert (first.name, first.workdir, first.dry_run, second.name) == ("my-job", sha, False, "other")
    assert 'N": "3"' in first.file
    assert steps[-1].startswith("uploading 1 files")


def _sha_of(folder: Path) -> str:
    return pack(folder, io.BytesIO()).sha256


def test_a_dry_run_uploads_nothing(master: ScriptedMaster, client: Client) -> None:
    master.on("POST", "/jobs", rows.plan(row=None))
    assert client.run_job("run: x\nworkdir: .", dry_run=True).row is None
    assert master.paths() == ["POST /jobs"]


def test_a_file_that_is_not_there(client: Client, tmp_path: Path) -> None:
    with pytest.raises(errors.NotFoundError, match="there is no file"):
        client.run_job(tmp_path / "none.yaml")
    (tmp_path / "job.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(errors.InvalidInputError, match="UTF-8"):
        client.run_job(tmp_path / "job.yaml")
    with pytest.raises(errors.InvalidInputError, match="workdir"):
        client.run_job("run: x\nworkdir: /nowhere/at/all")


def test_events_are_followed_over_breaks(master: ScriptedMaster, client: Client) -> None:
    """A cut in the middle of an event, a refused connection, a repetition: every row comes once and in order."""
    all_rows = [rows.event(number, "job.progress", step=number) for number in range(1, 7)]
    whole = sse(*all_rows[:3])
    answers = iter(
        [
            Answer(pieces=[whole[:50], whole[50 : len(whole) - 9]], content_type="text/event-stream", broken=True),
            Answer(status=503),
            Answer(pieces=[b": alive\n\n", sse(*all_rows[1:5], first=2)], content_type="text/event-stream"),
            Answer(pieces=[sse(all_rows[5], first=6)], content_type="text/event-stream"),
        ]
    )
    master.on("GET", "/events/stream", lambda _: next(answers))
    with client.stream_events(kinds=["job.progress"]) as stream:
        assert [next(stream) for _ in range(6)] == all_rows
        assert stream.cursor == 6
    resumed = [(asked.headers["last-event-id"], asked.query["after"]) for asked in master.asked]
    assert resumed == [("0", ["0"]), ("2", ["2"]), ("2", ["2"]), ("5", ["5"])]


def test_logs_are_followed_until_closed_by_another_thread(master: ScriptedMaster, client: Client) -> None:
    gone = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield sse(rows.log(1, "one"))
        gone.wait(5)

    master.on("GET", "/workloads/train/logs/stream", lambda _: Answer(pieces=pieces()))
    stream = client.stream_logs("train")
    assert next(stream).text == "one"
    closer = threading.Timer(0.05, stream.close)
    closer.start()
    assert list(stream) == []
    closer.join()
    gone.set()


def test_following_gives_up_when_the_master_is_gone(master: ScriptedMaster, client: Client) -> None:
    master.on("GET", "/events/stream", Answer(status=503))
    with client.stream_events(patience_s=0.3) as stream, pytest.raises(errors.UnreachableError):
        next(stream)
    assert len(master.asked) >= 2


@pytest.mark.parametrize(("status", "kind"), [(401, errors.NotAllowedError), (404, errors.NotFoundError)])
def test_following_what_is_refused_ends_at_once(
    master: ScriptedMaster, client: Client, status: int, kind: type[errors.KycError]
) -> None:
    master.on("GET", "/workloads/x/logs/stream", Answer(status=status))
    with client.stream_logs("x") as stream, pytest.raises(kind):
        next(stream)
    assert len(master.asked) == 1


def test_wait_returns_the_end(master: ScriptedMaster, client: Client) -> None:
    states = iter(["running", "running", "succeeded"])
    master.on("GET", "/events", [rows.event(7, "job.started")])
    master.on("GET", "/workloads/train", lambda _: _detail(next(states)))
    ends = [rows.event(8, "job.failed", subject="other"), rows.event(9, "job.succeeded")]
    master.on("GET", "/events/stream", lambda _: Answer(pieces=[sse(ends[0], first=8), sse(ends[1], first=9)]))
    assert client.wait("train", timeout_s=5).state == "succeeded"
    (stream,) = (asked for asked in master.asked if asked.path.endswith("/stream"))
    assert stream.query["after"] == ["7"]
    assert set(stream.query["kind"]) == set(flows.ENDINGS)


def test_wait_gives_up_after_its_time(master: ScriptedMaster, client: Client) -> None:
    master.on("GET", "/events", [])
    master.on("GET", "/workloads/train", lambda _: _detail("running"))
    master.on("GET", "/events/stream", lambda _: Answer(pieces=[b": alive\n\n"]))
    with pytest.raises(errors.UnreachableError, match=r"did not happen within 0\.2 s"):
        client.wait("train", timeout_s=0.2)


def _detail(state: str) -> api.WorkloadDetail:
    return api.WorkloadDetail(row=rows.workload(state=state), spec={}, attempts=[])


def test_since_is_found_by_few_calls(master: ScriptedMaster, client: Client) -> None:
    timeline = [rows.event(number, "job.progress") for number in range(1, 65)]

    def page(asked: Asked) -> object:
        if "tail" in asked.query:
            return timeline[-int(asked.query["tail"][0]) :]
        after, limit = int(asked.query["after"][0]), int(asked.query["limit"][0])
        return [row for row in timeline if row.seq > after][:limit]

    master.on("GET", "/events", page)
    for wanted in (1, 2, 64):
        assert client.seq_before(rows.AT + timedelta(seconds=wanted)) == wanted - 1
    assert client.seq_before(rows.AT + timedelta(seconds=5000)) == 64
    assert len(master.asked) < 4 * 9
    assert len(list(client.all_events(after=50))) == 14


def test_pages_of_logs_are_joined(master: ScriptedMaster, client: Client) -> None:
    lines = [rows.log(number, str(number)) for number in range(1, 2501)]

    def page(asked: Asked) -> object:
        return [row for row in lines if row.seq > int(asked.query["after"][0])][:1000]

    master.on("GET", "/workloads/train/logs", page)
    assert list(client.all_logs("train")) == lines
    assert calls.PAGE == 1000


def test_moves_are_followed_until_each_has_arrived_or_waits(
    master: ScriptedMaster, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FOLLOW_S", 0)
    waits = api.MigrationRow(name="a", state="copying", source="here", target="there", error="it is full")
    goes = api.MigrationRow(name="b", state="copying", source="here", target="there")
    there = api.MigrationRow(name="b", state="stays", source="there")
    answers = iter([[waits, goes], [waits, there]])
    master.on("GET", "/stream/migrations", lambda _: next(answers))
    assert client.follow_migrations({"a", "b"}) == [waits, there]


class Patient:
    """A transport that notes how long an answer may be awaited."""

    def open(self, call: calls.Call[bytes], headers: dict[str, str], *, idle_s: float) -> Opened:
        self.idle_s = idle_s
        raise errors.UnreachableError("noted")

    def close(self) -> None:
        return


def test_a_restore_waits_as_long_as_the_master_reads_back(client: Client, tmp_path: Path) -> None:
    patient = Patient()
    client._transport = patient  # type: ignore[assignment]
    with pytest.raises(errors.UnreachableError, match="noted"):
        client.restore("train", tmp_path / "out")
    assert patient.idle_s > 3600


def test_a_peer_that_vanished_is_found_out_by_the_system(master: ScriptedMaster, client: Client) -> None:
    master.on("GET", "/workloads/train/snapshots/latest/files", b"x")
    with client._transport.open(calls.snapshot_files("train", None), {}, idle_s=5) as opened:
        assert opened._socket is not None
        assert opened._socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_a_snapshot_is_restored_whole_or_not_at_all(master: ScriptedMaster, client: Client, tmp_path: Path) -> None:
    data = _tar({"a/b.txt": b"x" * 100_000, "c": b""})
    path = "/workloads/train/snapshots/latest/files"
    halves = [data[:50_000], data[50_000:]]
    master.on("GET", path, lambda _: Answer(pieces=iter(halves), content_type="application/x-tar"))
    done = client.restore("train", tmp_path / "out")
    assert (done.files, done.bytes, done.left_out) == (2, 100_000, ())
    assert (tmp_path / "out" / "a" / "b.txt").read_bytes() == b"x" * 100_000
    with pytest.raises(errors.ConflictError, match="not empty"):
        client.restore("train", tmp_path / "out")
    master.on("GET", path, lambda _: Answer(pieces=[data[:50_000]], broken=True))
    with pytest.raises(errors.KycError):
        client.restore("train", tmp_path / "half")
    master.on("GET", path, lambda _: Answer(body=data[:50_000], broken=True))
    with pytest.raises(errors.KycError):
        client.restore("train", tmp_path / "half")
    assert [found.name for found in tmp_path.iterdir()] == ["out"]
    with pytest.raises(errors.NotFoundError):
        client.restore("train", tmp_path / "none", sequence=3)


def _tar(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def test_the_master_is_found_anew_after_it_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYC_HOME", str(tmp_path))
    monkeypatch.delenv("KYC_URL", raising=False)
    monkeypatch.delenv("KYC_TOKEN", raising=False)
    (tmp_path / "token").write_text(TOKEN + "\n")
    with Client() as client:
        for _ in range(2):
            with ScriptedMaster().running() as master:
                file = {"url": master.url + "/", "pid": 1, "version": "0", "more": []}
                (tmp_path / "master.json").write_bytes(msgspec.json.encode(file))
                master.on("GET", "/clouds", Answer(body=b"[]", headers={"Connection": "close"}))
                assert client.clouds() == []
                assert master.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
        client.close()
