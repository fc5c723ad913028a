"""Snapshots of a workload."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRow:
    """One committed snapshot."""

    sequence: int
    epoch: int
    taken_at: datetime
    files: int
    bytes: int
    missed: list[str]
