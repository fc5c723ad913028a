"""A job survives its instance on every stream that a master can be told to use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Kyc, living
from tests.kafka.shared import fresh_prefix as fresh_topics
from tests.kafka.shared import shared_broker, shared_guarded_broker
from tests.needs import need
from tests.objects.server import fresh_prefix as fresh_folder
from tests.objects.server import shared_server

FILE = """
name: count
run: |
  mkdir -p out
  n=$(cat out/n 2>/dev/null || echo 0)
  while [ $n -lt 100 ]; do
    sleep 0.05; n=$((n+1)); echo $n > out/beside; mv out/beside out/n; echo "step $n"
  done
keep: [out/]
progress: 'step (?P<step>\\d+)'
snapshot_interval: 0.5s
"""


def in_a_folder(folder: Path) -> tuple[str, str]:
    return f"file://{folder}/stream", ""


def on_kafka(_: Path) -> tuple[str, str]:
    need("kafka")
    return f"kafka://{shared_broker().address}?prefix={fresh_topics()}", ""


def on_kafka_as_users_of_their_own(_: Path) -> tuple[str, str]:
    need("kafka")
    access = shared_guarded_broker().access("kyc", f"&agents=own&prefix=kyc-{fresh_topics()}")
    return access.url, access.token


def in_a_bucket(_: Path) -> tuple[str, str]:
    need("objects")
    return shared_server().url(fresh_folder()), shared_server().token


@pytest.fixture(params=[in_a_folder, on_kafka, on_kafka_as_users_of_their_own, in_a_bucket])
def kyc(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kyc]:
    need("terraform")
    place: Callable[[Path], tuple[str, str]] = request.param
    url, token = place(tmp_path)
    with living(tmp_path / "home", "--stream", url, env={"KYC_STREAM_TOKEN": token}) as made:
        yield made


@pytest.mark.timeout(180)
def test_a_job_survives_on_another_stream(kyc: Kyc, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(FILE)
    name = kyc.client.run_job(tmp_path / "job.yaml").name

    def victim() -> str | None:
        detail = kyc.client.workload(name)
        return detail.attempts[0].instance if (detail.row.step or 0) >= 20 and detail.row.last_snapshot_at else None

    kyc.client.interrupt(kyc.eventually("some work", victim, timeout_s=60), notice_s=0)
    row = kyc.eventually("the end", lambda: r if (r := kyc.client.workload(name).row).ended_at else None, timeout_s=90)
    assert (row.state, row.interruptions) == ("succeeded", 1)
    kyc.run("restore", name, "--to", str(tmp_path / "restored"))
    assert (tmp_path / "restored" / "out" / "n").read_text().strip() == "100"
    resumed = kyc.client.events(limit=1000, subject=name, kinds=["job.resumed"])
    assert all(event.data["sequence"] is not None for event in resumed)
