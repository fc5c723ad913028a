"""Events as lines for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.cli.output import STYLES
from kyc.cli.timeline import cells, describe
from kyc.cli.watch import Related
from kyc.domain.event import EventKind
from kyc.wire.api import EventRow
from tests.rows import AT, event


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (event(1, "deployment.log", "d-1", line="Apply complete!"), "Apply complete!"),
        (event(1, "deployment.succeeded", "d-1", "for the job", took_s=0.84), "applied in 0.8 s · for the job"),
        (event(1, "deployment.failed", "d-1", "no capacity", next_step="wait"), "next: wait · no capacity"),
        (event(1, "instance.requested", "i-1", offer="a/b", price_usd_per_hour=0.012), "a/b at $0.0120/h"),
        (event(1, "instance.noticed", "i-1", notice="interruption", notice_s=30), "will be taken away in 30 s"),
        (event(1, "instance.noticed", "i-1", notice="rebalance", notice_s=None), "may be interrupted soon"),
        (event(1, "interruption.requested", "i-1", notice_s=0), "killed without a notice"),
        (event(1, "replacement.requested", instance="i-2", replaces="i-1", offer="o"), "i-2 for i-1: o"),
        (
            event(
                1,
                "snapshot.flushed",
                sequence=5,
                files=1,
                bytes=3_400_000,
                sent_bytes=120_000,
                took_s=0.12,
                epoch=2,
                missed=["a"],
            ),
            "#5: 1 file, 3.4 MB, 120 kB sent in 0.1 s, epoch 2; MISSED: a",
        ),
        (event(1, "restore.completed", sequence=None), "there was nothing to restore"),
        (event(1, "stream.moving", source="embedded", target="s3://b/p"), "from embedded to s3://b/p"),
        (
            event(1, "stream.moved", source="a", target="b", snapshots=5, skipped=["3: gone"], took_s=6.1),
            "5 snapshots from a to b in 6.1 s; SKIPPED: 3: gone",
        ),
        (event(1, "stream.stayed", source="embedded"), "in embedded"),
        (event(1, "stream.troubled", next_step="Look."), "next: Look."),
        (
            event(1, "restore.completed", sequence=5, files=2, bytes=10, fetched_bytes=5, took_s=0.2),
            "2 files, 10 B of snapshot #5, 5 B fetched in 0.2 s",
        ),
        (
            event(1, "job.resumed", attempt="t.2", instance="i-2", sequence=5, epoch=2),
            "t.2 on i-2, from snapshot #5, epoch 2",
        ),
        (
            event(1, "job.started", attempt="t.1", instance="i-1", sequence=None, epoch=1),
            "t.1 on i-1, from the beginning, epoch 1",
        ),
        (event(1, "job.progress", first=3, step=4, total=9), "step 4 of 9"),
        (
            event(1, "job.succeeded", attempts=3, interruptions=1, exit_code=0),
            "exit code 0, 3 attempts, 1 interruption",
        ),
        (
            event(1, "job.failed", "t", "setup ended with code 9", attempts=1, interruptions=0, exit_code=9),
            "1 attempt, 0 interruptions · setup ended with code 9",
        ),
        (event(1, "instance.lost", "i-1", "killed", silent_s=0.1, offer="o"), "  killed"),
        (event(1, "instance.lost", "i-1", silent_s=30.2), "silent for 30 s"),
        (event(1, "orphan.found", "p-1", cloud="local", instance="i-1", zone="z"), "i-1 in local/z"),
        (
            event(1, "price.alerted", offer="o", old=None, new_usd_per_hour=0.1, sent_bytes=1000, took_s=2, at=[1, 2]),
            "offer o, new $0.1000/h, sent 1.0 kB, took 2.0 s, at 1, 2",
        ),
    ],
)
def test_the_facts_that_matter(row: EventRow, words: str) -> None:
    line = describe(row)
    assert line.endswith(words)
    assert f"  {row.kind}" in line
    assert row.subject in line


_JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.text(max_size=3))
_KEYS = st.sampled_from(
    ["took_s", "notice_s", "sequence", "files", "bytes", "missed", "step", "total", "line", "offer"]
)


@given(st.sampled_from([*EventKind, "made.up"]), st.dictionaries(_KEYS, _JSON))
def test_any_data_makes_a_line(kind: str, data: dict[str, object]) -> None:
    row = EventRow(seq=1, at=AT, kind=str(kind), subject="x", data=data)
    assert all(cell.style in {"", *STYLES} for cell in cells(row))


def test_what_belongs_together() -> None:
    related = Related(["train"])
    assert related(event(1, "instance.requested", "i-1", workload="train", deployment="d-1"))
    assert related(event(2, "deployment.log", "d-1", line="x"))
    assert related(event(3, "instance.noticed", "i-1"))
    assert not related(event(4, "instance.requested", "i-2", workload="other", deployment="d-2"))
    assert not related(event(5, "deployment.log", "d-2"))
