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
from kyc.domain.interruption import Notice
from kyc.ports.clock import Clock
from kyc.ports.notices import NoticeSource


def wire(settings: Settings, env: Mapping[str, str]) -> Parts:
    """Return the parts of an agent in this environment."""
    clock = SystemClock()
    return Parts(
        clock=clock,
        rng=random.SystemRandom(),
        runtime=ProcessRuntime(),
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
