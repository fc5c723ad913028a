"""What agent and master say to each other of a service's replicas: a part of `wire.agent`, which carries it.

The master orders replicas, whole, in each desire: one that is not in it must not exist. The agent tells what became of
each. A replica that dies is started again by its agent after a while; it gives up after some deaths in a row.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class ProbeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """How to see that a replica can serve: a GET of `path` answers 2xx, or its port accepts where `path` is empty."""

    path: str
    initial_delay_s: float
    timeout_s: float
    fail_after_s: float


class MetricOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which figure of its own a replica tells: a GET of `path` answers with Prometheus' text, or JSON."""

    path: str
    name: str


class ReplicaOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One replica to have. `phase`: `run`, or `stop` (nothing is in flight any more: SIGTERM, grace, SIGKILL).

    `files` names the folder with its workdir, which the replicas of one revision on an instance share; it is made once,
    with `archive` unpacked and `setup` run in it. `image`: a container's, empty for a plain process. `port`: what it
    listens on inside a container; a plain process is given a free one as PORT. `cpus` and `memory_mib` 0: no limit.
    """

    replica: str
    workload: str
    phase: str
    files: str
    run: str
    setup: str
    envs: dict[str, str]
    archive: str | None
    image: str
    port: int
    cpus: float
    memory_mib: int
    gpus: float
    probe: ProbeOrder
    stop_grace_s: float
    metric: MetricOrder | None = None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What the instance shows to the edge, as PEM: a certificate and its key; `authority` signed the edge's as well."""

    chain: str
    key: str
    authority: str


class ReplicaLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What a replica uses now: CPUs since the last heartbeat, and resident bytes.

    `metric`: its own figure, None where none is ordered or it could not be read.
    """

    replica: str
    cpus: float
    memory_bytes: int
    metric: float | None = None


class ToldOfReplica(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact"):
    """What all facts of a replica share: when it happened, by the instance's clock."""

    at: datetime
    replica: str


class ReplicaStarted(ToldOfReplica, frozen=True, kw_only=True, tag="replica_started"):
    """Its process or container runs."""

    port: int


class ReplicaReady(ToldOfReplica, frozen=True, kw_only=True, tag="replica_ready"):
    """It answers its probe at `port` of the instance, `took_s` after its start."""

    port: int
    took_s: float


class ReplicaUnready(ToldOfReplica, frozen=True, kw_only=True, tag="replica_unready"):
    """It was ready and does not answer its probe."""

    reason: str


class ReplicaExited(ToldOfReplica, frozen=True, kw_only=True, tag="replica_exited"):
    """It ended although it should run. `again_in_s`: when it is started again; None: the agent gave up."""

    code: int | None
    reason: str
    again_in_s: float | None


class ReplicaStopped(ToldOfReplica, frozen=True, kw_only=True, tag="replica_stopped"):
    """Nothing of it runs any more, as was wanted. `code` None: it did not run."""

    code: int | None


class ReplicaPrinted(ToldOfReplica, frozen=True, kw_only=True, tag="replica_printed"):
    """It printed whole lines."""

    text: str


class ReplicaPulling(ToldOfReplica, frozen=True, kw_only=True, tag="replica_pulling"):
    """Its image is being fetched; bytes as far as known."""

    image: str
    done_bytes: int
    total_bytes: int


ReplicaFact = (
    ReplicaStarted | ReplicaReady | ReplicaUnready | ReplicaExited | ReplicaStopped | ReplicaPrinted | ReplicaPulling
)
