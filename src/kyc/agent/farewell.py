"""Lets the provider take an interrupted instance before its deadline, once nothing is left here to save or to say."""

from __future__ import annotations

from kyc.agent.notices import Watch
from kyc.agent.outbox import Outbox
from kyc.agent.supervise import Supervisor


async def let_go(watch: Watch, supervisor: Supervisor, outbox: Outbox) -> None:
    """Wait for an interruption, for the end of the work, and for the master to have heard; then acknowledge it.

    Nothing is acknowledged where no work ran, or where part of it is not in the stream: then the time is used up.
    """
    await watch.interrupted.wait()
    if not supervisor.works:
        return
    await supervisor.wait_for_the_end()
    if supervisor.replication is None or supervisor.replication.dirty_since is not None:
        return
    await outbox.wait_until_heard()
    await watch.acknowledge()
