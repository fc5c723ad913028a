"""The master itself: its health, its clouds, its agents, its errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`GET /health`, open to all: is this a master, and is it ready."""

    version: str
    master_id: str
    started_at: datetime
    ready: bool
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownRequest:
    """`POST /shutdown`: stop the master; with `everything` its stream server and local cloud too."""

    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolRequest:
    """`POST /agents/{id}/enrol`: the one-time token from the user data, and the secret the agent will use."""

    token: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """RFC 9457 problem details, with our `next_step`."""

    type: str
    title: str
    status: int
    detail: str
    next_step: str = ""
