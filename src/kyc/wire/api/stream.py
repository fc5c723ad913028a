"""Streams: whether one can be relied on, and workloads on their way from one to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """`POST /stream/check`: a stream's URL and its credential."""

    url: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """`GET /stream`: where new jobs' files go, without a credential."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """One thing that was tried: `verdict` is `good`, `warning` (it works, but see the text) or `bad`."""

    subject: str
    verdict: str
    text: str
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCheck:
    """What a check of a stream found; `ok` if nothing is bad. `url` is without a credential."""

    url: str
    ok: bool
    findings: list[FindingRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateRequest:
    """`POST /stream/migrate`: move these workloads (empty: all) to another stream."""

    url: str
    token: str = field(default="", repr=False)
    workloads: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRow:
    """Where a workload's files are and go. `state`: `stays`, `copying` or `switching` (its work is held for it).

    `copied_bytes` of `total_bytes` of the snapshot that is being copied are there; `error` is what it waits for.
    """

    name: str
    state: str
    source: str
    target: str = ""
    snapshots: int = 0
    copied_bytes: int = 0
    total_bytes: int = 0
    error: str = ""
    since: datetime | None = None
