"""The WebSocket to the master: desires come in, facts and pulses go out, over any number of connections.

It says each fact at least once, in order, and again after a reconnection unless it was acknowledged. While the master
is away nothing is lost and nothing waits for it: facts stay in the outbox, the last desire stays valid.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Never

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from kyc.agent.backoff import Uniform, wait_s
from kyc.agent.outbox import Outbox, OutboxReader
from kyc.domain.errors import InvalidInputError
from kyc.ports.clock import Clock
from kyc.wire.agent import Ack, Desire, Pulse, frame, read_from_master

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

log = logging.getLogger(__name__)
PULSE_S = 1.0
_MAX_FRAME_BYTES = 16 * 1024 * 1024
_OPEN_TIMEOUT_S = 5.0
_PING_S = 5.0  # a cut network closes nothing: only unanswered pings tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Where the master's end of the link is, and what it knows the agent by."""

    url: str
    secret: str = field(repr=False)


class Link:
    """The agent's side of the protocol. `on_desire` is called with each newest desire, `pulse` gives the heartbeat."""

    def __init__(
        self,
        peer: Peer,
        outbox: Outbox,
        *,
        pulse: Callable[[], Pulse],
        on_desire: Callable[[Desire], None],
        clock: Clock,
        rng: Uniform,
    ) -> None:
        self._peer = peer
        self._outbox = outbox
        self._pulse = pulse
        self._on_desire = on_desire
        self._clock = clock
        self._rng = rng
        self._failures = 0

    async def run(self) -> Never:
        """Keep the link up until cancelled."""
        while True:
            try:
                await self._connection()
            except (OSError, TimeoutError, InvalidHandshake, InvalidInputError) as error:
                log.warning("link_failed", extra={"reason": _why(error), "failures": self._failures})
            self._failures += 1
            await self._clock.sleep_s(wait_s(self._failures, self._rng))

    async def _connection(self) -> None:
        """Connect and serve until the connection ends, however it ends."""
        async with connect(
            self._peer.url,
            additional_headers={"Authorization": f"Bearer {self._peer.secret}"},
            compression=None,  # saves memory; frames are small
            max_size=_MAX_FRAME_BYTES,
            open_timeout=_OPEN_TIMEOUT_S,
            ping_interval=_PING_S,
            ping_timeout=_PING_S,
            close_timeout=1,
            proxy=None,
        ) as connection:
            log.info("link_up", extra={"told": self._outbox.last, "acknowledged": self._outbox.acknowledged})
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._receive(connection))
                    tasks.create_task(self._send_facts(connection))
                    tasks.create_task(self._send_pulses(connection))
            except* ConnectionClosed as closed:
                log.info("link_down", extra={"reason": str(closed.exceptions[0])})
            except* InvalidInputError as wrong:
                log.warning("link_failed", extra={"reason": str(wrong.exceptions[0])})

    async def _receive(self, connection: ClientConnection) -> Never:
        newest = -1
        while True:
            message = read_from_master(await connection.recv())
            self._failures = 0
            match message:
                case Desire() if message.revision >= newest:
                    newest = message.revision
                    self._on_desire(message)
                case Desire():
                    log.info("old_desire", extra={"revision": message.revision, "newest": newest})
                case Ack():
                    self._outbox.acknowledge(message.upto)

    async def _send_facts(self, connection: ClientConnection) -> Never:
        reader = OutboxReader(self._outbox)
        while True:
            for text in await reader.next():
                await connection.send(text)

    async def _send_pulses(self, connection: ClientConnection) -> Never:
        while True:
            await connection.send(frame(self._pulse()))
            await self._clock.sleep_s(PULSE_S)


def link_url(master_url: str, instance_id: str) -> str:
    """Return the address of an instance's link, on a master's http or https URL."""
    return f"ws{master_url.removeprefix('http')}/api/v1/agents/{instance_id}/link"


def _why(error: BaseException) -> str:
    if isinstance(error, InvalidStatus):
        return f"the master answers {error.response.status_code}"
    return str(error) or type(error).__name__
