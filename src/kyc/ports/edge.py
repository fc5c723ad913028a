"""The edge: the one address of each service, and which replica gets the next request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from kyc.domain.errors import InvalidInputError
from kyc.domain.ids import ReplicaId, WorkloadName
from kyc.domain.service import Balance, Endpoint, EndpointState

INSTANCE_DOMAIN = ".instance.kyc.internal"  # an instance's certificate is for its id below it
ENTRANCE_PORTS = range(30_000, 32_000)  # where an instance lets the edge in; below those that Linux gives to clients
ERRORS_IN_A_ROW = 5  # answers of 5xx, after which an endpoint is left alone for a moment


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeEndpoint:
    """A replica's place in the edge, and whether it gets new requests. `plain`: by no TLS, whatever its service has."""

    endpoint: Endpoint
    state: EndpointState = EndpointState.UP
    plain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """PEM files of a certificate chain and its key; read anew at each `apply`, so that replacing them rotates it."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeService:
    """All that the edge has to know of one service. It listens on `host` (an IP address) and `port`.

    Two levels in one choice: each instance gets its share by the sum of its endpoints' weights that are up, then
    `balance` chooses among its replicas; `least_request` leaves that share for whoever has fewer requests in flight.
    `sticky` keeps a client on its replica by a cookie of the edge's own.
    A request waits for a first endpoint up to `wait`, `most_waiting` at once; past either it gets 503 and Retry-After.
    An endpoint has `most_in_flight` requests and WebSockets at once (None: no limit); what is more waits, too.
    `idle_timeout`: a connection or request on which nothing moves for that long is ended; it has no limit otherwise.
    `names_replica`: replies say in `X-Kyc-Instance` and `X-Kyc-Replica` who answered. `upstream_http2`: replicas speak
    HTTP/2 without TLS (gRPC). `upstream_tls`: they are reached by mutual TLS with this certificate, verified against
    `upstream_ca`.
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
    most_in_flight: int | None = None
    idle_timeout: timedelta = timedelta(hours=1)

    @property
    def is_up(self) -> bool:
        """Whether any endpoint takes requests; while none does, they wait."""
        return any(each.state is EndpointState.UP for each in self.endpoints)

    @property
    def retry_after_s(self) -> int:
        """What a 503 says in Retry-After: as long as one may wait, between 1 and 30 s."""
        return max(1, min(30, round(self.wait.total_seconds())))


def can_spare_one(*, up: int, left_alone: int) -> bool:
    """Whether one more endpoint that answers only 5xx may be left alone, of these `up`: half of them have to remain.

    What all of them answer is the application's own matter.
    """
    return 2 * (left_alone + 1) <= up


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLoad:
    """What one endpoint has to do: counted since the edge knows it, and in flight now (open WebSockets too)."""

    requests: int
    failed: int
    in_flight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLoad:
    """What one service has to do. `requests` (those done) and `failed` (5xx that clients saw) only grow while the edge
    runs; after its restart they begin at 0.

    `in_flight` counts those that wait, too. `p95_ms` is of the last seconds, None where nothing was answered in them;
    `waiting` has no endpoint yet, or waits for its turn there. An endpoint that was left out is not listed any more,
    even if it still answers.
    """

    requests: int
    failed: int
    in_flight: int
    waiting: int = 0
    p95_ms: float | None = None
    endpoints: Mapping[ReplicaId, EndpointLoad] = field(default_factory=dict)


class EdgeRefusedError(InvalidInputError):
    """The edge cannot have these services as they are wanted, each with its reason; it has all others."""

    def __init__(self, refused: Mapping[WorkloadName, InvalidInputError]) -> None:
        first = next(iter(refused.values()))
        super().__init__("; ".join(map(str, refused.values())), next_step=first.next_step)
        self.refused = refused


class Edge(Protocol):
    """A proxy that outlives the master, and is found again by it.

    `ensure` starts it if it does not run and returns once it answers; True if it had to be started, which it is with
    what was applied last. `apply` takes the whole of what is wanted, services left out included, and returns when new
    requests go by it; the same again changes nothing and costs next to nothing. It drops no request: what an endpoint
    has in flight when it drains or is left out ends there. Requests of safe methods survive the death of a replica;
    others are tried again only if they did not reach one. An endpoint that takes no connection several times in a row,
    or answers 5xx so while half of those that are up remain, is left alone for a moment and then tried anew. `apply`
    raises EdgeRefusedError for what cannot be had (a taken port, a certificate that cannot be read), after it has
    applied all other services; InvalidInputError where it has applied none; and UnreachableError.
    `load` tells what each service has to do. `stop` ends it; what was applied stays.
    """

    name: str

    async def ensure(self) -> bool: ...

    async def apply(self, services: Sequence[EdgeService]) -> None: ...

    async def load(self) -> Mapping[WorkloadName, EdgeLoad]: ...

    async def stop(self) -> None: ...
