"""Where the agent's ports meet adapters. Imports what every agent needs at once, the rest when it is needed."""

from __future__ import annotations

import random
from collections.abc import Mapping

from kyc.adapters.process.runtime import ProcessRuntime
from kyc.adapters.system.clock import SystemClock
from kyc.adapters.system.metadata import LINK_LOCAL, MetadataHttp
from kyc.agent.app import Parts
from kyc.agent.engine import Session, Tree
from kyc.agent.load import gauge_for
from kyc.agent.settings import Settings
from kyc.domain.errors import InvalidInputError
from kyc.domain.interruption import Notice
from kyc.ports.clock import Clock
from kyc.ports.notices import NoticeSource
from kyc.ports.runtime import ReplicaRuntime
from kyc.wire.replica import ReplicaOrder


def wire(settings: Settings, env: Mapping[str, str]) -> Parts:
    """Return the parts of an agent in this environment."""
    clock = SystemClock()
    rng, processes = random.SystemRandom(), ProcessRuntime()
    return Parts(
        clock=clock,
        rng=rng,
        runtime=processes,
        replica_runtime=ReplicaRuntimes(settings, processes, rng).of,
        engine=LazyEngine(clock),
        notices=notices_from(settings.notices, settings.metadata_url, clock),
        gauge=gauge_for(env),
    )


class LazyEngine:
    """The replication engine, imported when the first attempt comes: it is most of an agent's memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def open(self, tree: Tree) -> Session:
        """Open a session on the tree's stream."""
        from kyc.agent.session import StreamEngine  # noqa: PLC0415
        from kyc.streams import connect  # noqa: PLC0415

        return await StreamEngine(connect, self._clock).open(tree)


class ReplicaRuntimes:
    """Containers for an order with an image, plain processes else; each imported when the first such order comes."""

    def __init__(self, settings: Settings, processes: ProcessRuntime, rng: random.Random) -> None:
        self._settings = settings
        self._processes = processes
        self._rng = rng
        self._known: dict[bool, ReplicaRuntime] = {}

    def of(self, order: ReplicaOrder) -> ReplicaRuntime:
        """Return the runtime for the order."""
        in_container = bool(order.image)
        if in_container not in self._known:
            self._known[in_container] = self._containers() if in_container else self._plain()
        return self._known[in_container]

    def _plain(self) -> ReplicaRuntime:
        from kyc.adapters.process.replica import ProcessReplicas  # noqa: PLC0415

        return ProcessReplicas(self._processes, self._rng)

    def _containers(self) -> ReplicaRuntime:
        try:
            from kyc.adapters.docker.replica import DockerReplicas  # noqa: PLC0415  # aiohttp is most of an agent
        except ImportError as error:
            raise InvalidInputError(
                "this instance's kyc runs no containers", next_step="Install keep-your-cost[docker] on it."
            ) from error
        return DockerReplicas(instance_id=self._settings.instance_id, address=self._settings.address)


def notices_from(protocol: str | None, url: str | None, clock: Clock) -> NoticeSource:
    """Return the metadata service that speaks the protocol, at the URL or the providers' own address.

    Without a protocol: a source that never has anything to say.
    """
    if protocol is None:
        return NoNotices()
    service = MetadataHttp(url or LINK_LOCAL)
    if protocol == "gcp":
        from kyc.adapters.gcp.notices import GceNotices  # noqa: PLC0415

        return GceNotices(clock, service)
    if protocol == "azure":
        from kyc.adapters.azure.notices import AzureNotices  # noqa: PLC0415

        return AzureNotices(clock, service)
    from kyc.adapters.aws.notices import Ec2Notices  # noqa: PLC0415

    return Ec2Notices(clock, service)


class NoNotices:
    """A place without a metadata service."""

    async def poll(self) -> Notice | None:
        """Return None."""
        return None

    async def acknowledge(self) -> None:
        """Do nothing."""
