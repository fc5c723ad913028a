"""Where the agent's ports meet adapters. Imports what every agent needs at once, the rest when it is needed."""

from __future__ import annotations

import random
from collections.abc import Mapping

from kyc.adapters.process.runtime import ProcessRuntime
from kyc.adapters.system.clock import SystemClock
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
        notices=notices_at(settings.metadata_url, clock),
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


def notices_at(url: str | None, clock: Clock) -> NoticeSource:
    """Return the metadata service at the URL; without one, a source that never has anything to say."""
    if url is None:
        return NoNotices()
    from kyc.adapters.aws.notices import Ec2Notices  # noqa: PLC0415

    return Ec2Notices(clock, url=url)


class NoNotices:
    """A place without a metadata service."""

    async def poll(self) -> Notice | None:
        """Return None."""
        return None
