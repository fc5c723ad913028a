"""The WebSocket to the master: desires come in, facts and pulses go out, over any number of connections.

It says each fact at least once, in order, and again after a reconnection unless it was acknowledged. While the master
is away nothing is lost and nothing waits for it: facts stay in the outbox, the last desire stays valid.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Never

from kyc.agent.backoff import Uniform, wait_s
from kyc.agent.outbox import Outbox, OutboxReader
from kyc.agent.race import together
from kyc.agent.websocket import WebSocket, connect
from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.ports.clock import Clock
from kyc.wire.agent import Ack, Desire, Pulse, frame, read_from_master

log = logging.getLogger(__name__)
PULSE_S = 1.0


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
            except (UnreachableError, InvalidInputError) as error:
                log.warning("link_down", extra={"reason": str(error), "failures": self._failures})
            self._failures += 1
            await self._clock.sleep_s(wait_s(self._failures, self._rng))

    async def _connection(self) -> Never:
        """Connect and serve until the connection ends; raise why it did."""
        async with connect(self._peer.url, secret=self._peer.secret) as socket:
            log.info("link_up", extra={"told": self._outbox.last, "acknowledged": self._outbox.acknowledged})
            async with together() as tasks:
                tasks.create_task(socket.keep_alive())
                tasks.create_task(self._send_facts(socket))
                tasks.create_task(self._send_pulses(socket))
                await self._receive(socket)

    async def _receive(self, socket: WebSocket) -> Never:
        newest = -1
        while True:
            message = read_from_master(await socket.receive())
            self._failures = 0
            match message:
                case Desire() if message.revision >= newest:
                    newest = message.revision
                    self._on_desire(message)
                case Desire():
                    log.info("old_desire", extra={"revision": message.revision, "newest": newest})
                case Ack():
                    self._outbox.acknowledge(message.upto)

    async def _send_facts(self, socket: WebSocket) -> Never:
        reader = OutboxReader(self._outbox)
        while True:
            for text in await reader.next():
                await socket.send(text)

    async def _send_pulses(self, socket: WebSocket) -> Never:
        while True:
            await socket.send(frame(self._pulse()))
            await self._clock.sleep_s(PULSE_S)


def link_url(master_url: str, instance_id: str) -> str:
    """Return the address of an instance's link, on a master's http or https URL."""
    return f"ws{master_url.removeprefix('http')}/api/v1/agents/{instance_id}/link"
