"""An edge without a network: it keeps what was applied, and says who would get the next request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.domain.ids import WorkloadName
from kyc.domain.service import Balance, Endpoint, EndpointState
from kyc.ports.edge import EdgeLoad, EdgeRefusedError, EdgeService


class FakeEdge:
    """An Edge. Set `loads` to what it shall tell, `taken` to ports that others hold; `kill()` ends its "process"."""

    def __init__(self) -> None:
        self.name = "fake"
        self.services: dict[WorkloadName, EdgeService] = {}
        self.applied: list[tuple[EdgeService, ...]] = []  # each call that changed something
        self.loads: dict[WorkloadName, EdgeLoad] = {}
        self.taken: set[int] = set()
        self.running = False
        self._given: dict[WorkloadName, dict[Endpoint, int]] = {}

    async def ensure(self) -> bool:
        """Have it run; True if it did not."""
        started, self.running = not self.running, True
        return started

    async def apply(self, services: Sequence[EdgeService]) -> None:
        """Take over what is wanted, but for ports that are taken."""
        self._must_run()
        wanted = {service.name: service for service in services if service.port not in self.taken}
        if wanted != self.services:
            self.services = wanted
            self.applied.append(tuple(wanted.values()))
        refused = {
            service.name: InvalidInputError(f"port {service.port} is taken", next_step="Choose another port.")
            for service in services
            if service.port in self.taken
        }
        if refused:
            raise EdgeRefusedError(refused)

    async def load(self) -> Mapping[WorkloadName, EdgeLoad]:
        """Return `loads`, with nothing to do for the services it does not name."""
        self._must_run()
        idle = EdgeLoad(requests=0, failed=0, in_flight=0)
        return {name: self.loads.get(name, idle) for name in self.services}

    async def stop(self) -> None:
        """End it; what was applied stays."""
        self.kill()

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.running = False

    def route(self, name: WorkloadName, client: str = "") -> Endpoint | None:
        """Return who gets the next request of this client, None while it would wait."""
        up = [e.endpoint for e in self.services[name].endpoints if e.state is EndpointState.UP]
        if not up:
            return None
        if self.services[name].balance is Balance.STICKY:
            return min(up, key=lambda endpoint: crc32(f"{client} {endpoint.replica_id}".encode()))
        given = self._given.setdefault(name, {})
        chosen = min(up, key=lambda endpoint: (given.get(endpoint, 0) + 1) / endpoint.weight)
        given[chosen] = given.get(chosen, 0) + 1
        return chosen

    def _must_run(self) -> None:
        if not self.running:
            raise UnreachableError("the edge does not run", next_step="ensure() starts it.")
