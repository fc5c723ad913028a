"""The edge: the one address of each service, and which replica gets the next request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from kyc.domain.ids import ReplicaId, WorkloadName
from kyc.domain.service import Balance, Endpoint


class EndpointState(StrEnum):
    """Whether an endpoint gets new requests."""

    UP = "up"
    DRAINING = "draining"  # no new request or connection; those in flight end by themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeEndpoint:
    """A replica's place in the edge, and whether it gets new requests."""

    endpoint: Endpoint
    state: EndpointState = EndpointState.UP


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """PEM files of a certificate chain and its key; read again when they are replaced."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeService:
    """All that the edge has to know of one service.

    Two levels in one choice: instances by the sum of their endpoints' weights, then replicas by `balance`.
    A request waits for a first endpoint up to `wait`, `most_waiting` at once; past either it gets 503 and Retry-After.
    `names_replica`: replies say in `X-Kyc-Instance` and `X-Kyc-Replica` who answered. `upstream_tls`: replicas are
    reached by mutual TLS with this certificate, verified against `upstream_ca`.
    """

    name: WorkloadName
    host: str
    port: int
    endpoints: tuple[EdgeEndpoint, ...] = ()
    balance: Balance = Balance.LEAST_REQUEST
    certificate: Certificate | None = None
    upstream_http2: bool = False
    upstream_tls: Certificate | None = None
    upstream_ca: Path | None = None
    names_replica: bool = False
    wait: timedelta = timedelta(seconds=60)
    most_waiting: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLoad:
    """What one endpoint has to do: counted since the edge knows it, and in flight now."""

    requests: int
    failed: int
    in_flight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLoad:
    """What one service has to do. `requests` and `failed` (5xx that clients saw) only grow while the edge runs.

    `p95_ms` is of the last seconds, None where nothing was answered in them; `waiting` has no endpoint yet.
    """

    requests: int
    failed: int
    in_flight: int
    waiting: int = 0
    p95_ms: float | None = None
    endpoints: Mapping[ReplicaId, EndpointLoad] = field(default_factory=dict)


class Edge(Protocol):
    """A proxy that outlives the master, and is found again by it.

    `ensure` starts it if it does not run and returns once it answers; True if it had to be started. `apply` takes the
    whole of what is wanted, services left out included, and returns when new requests go by it; a call with the same
    changes nothing. It drops no request: what an endpoint has in flight when it drains or is left out ends there. It
    raises InvalidInputError for what cannot be had (a taken port, a certificate that cannot be read) and
    UnreachableError. `load` tells what each service has to do.
    """

    name: str

    async def ensure(self) -> bool: ...

    async def apply(self, services: Sequence[EdgeService]) -> None: ...

    async def load(self) -> Mapping[WorkloadName, EdgeLoad]: ...

    async def stop(self) -> None: ...
