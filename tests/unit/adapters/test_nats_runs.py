"""What is asked for at once: what lies side by side, up to a limit."""

from __future__ import annotations

from kyc.adapters.nats.fetching import runs
from kyc.domain.snapshot import ChunkId, ChunkRef


def ref(location: int, size: int = 10) -> ChunkRef:
    return ChunkRef(id=ChunkId(f"{location:064x}"), stored_bytes=size, location=str(location))


def locations(*wanted: ChunkRef, limit: int) -> list[list[int]]:
    return [[int(one.location) for one in run] for run in runs(wanted, limit=limit)]


def test_a_gap_begins_another_run() -> None:
    assert locations(ref(7), ref(3), ref(4), ref(9), ref(8), limit=1000) == [[3, 4], [7, 8, 9]]


def test_a_run_ends_at_the_limit_but_is_never_empty() -> None:
    assert locations(ref(1), ref(2), ref(3), limit=20) == [[1, 2], [3]]
    assert locations(ref(1, 50), ref(2, 50), limit=20) == [[1], [2]]
    assert locations(limit=20) == []


def test_a_server_that_sends_no_runs_is_asked_one_by_one() -> None:
    assert locations(ref(1), ref(2), limit=0) == [[1], [2]]
