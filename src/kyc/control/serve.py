"""What people ask of services, stored as intent: the loops do the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from kyc.control.context import Context, write_fresh
from kyc.control.purchase import ranked
from kyc.domain.errors import ConflictError, NotFoundError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import WorkloadName
from kyc.domain.offer import Offer
from kyc.domain.service import Service, ServiceSpec, ServiceState

FreePort = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Servings:
    """Stores what is wanted of services, once and guarded. `free_port` takes the port that a service names, or
    finds one where it is 0; it raises ConflictError for one that another program holds.
    """

    context: Context
    free_port: FreePort

    async def submit(self, spec: ServiceSpec, *, user: str = "") -> Service:
        """Store a new service, or the next revision of a running one whose replicas are then replaced one by one.

        Raise ConflictError if a job has the name, if another service or program has the port, or if it is stopping.
        """
        return await write_fresh(lambda: self._submit(spec, user))

    async def offers(self, spec: ServiceSpec) -> list[Offer]:
        """Return the offers that the service's instances could be, the best first."""
        return await ranked(self.context, spec)

    async def stop(self, name: WorkloadName) -> Service:
        """Ask the service to stop: its replicas drain first. One that is over stays as it is."""
        return await write_fresh(lambda: self._stop(name))

    async def _submit(self, spec: ServiceSpec, user: str) -> Service:
        store = self.context.store
        if await store.job(spec.name) is not None:
            raise ConflictError(f"a job is called {spec.name!r}", next_step="Choose another name: `kyc serve --name`.")
        before = await store.service(spec.name)
        await self._check_port(spec)
        if before is None:
            return await self._save(replace(self._new(spec), user=user), EventKind.SERVICE_REQUESTED)
        if before.is_over:
            again = before.to(ServiceState.STARTING, reason="", ended_at=None, started_at=None)
            again = replace(
                again,
                spec=spec,
                user=user,
                edge_port=spec.address_port or before.edge_port,
                revision=before.revision + 1,
                requested_at=self.context.clock.now(),
                stop_requested=False,
                stop_reason="",
                failed=False,
                wanted_instances=0,
                wanted_replicas=0,
            )
            return await self._save(again, EventKind.SERVICE_REQUESTED)
        if before.stop_requested:
            raise ConflictError(f"{spec.name} is stopping", next_step="Serve it again once `kyc ps` says stopped.")
        return await self._update(before, spec)

    async def _update(self, before: Service, spec: ServiceSpec) -> Service:
        """Take the new file. Only what replicas are made of makes a new revision of it."""
        rolls = _made_of(spec) != _made_of(before.spec)
        if spec == before.spec:
            return before
        if spec.address_port and spec.address_port != before.edge_port:
            before = replace(before, edge_port=self.free_port(spec.address_port))
        after = replace(before, spec=spec, revision=before.revision + rolls)
        return await self._save(after, EventKind.SERVICE_UPDATED)

    def _new(self, spec: ServiceSpec) -> Service:
        return Service(
            name=spec.name,
            spec=spec,
            state=ServiceState.STARTING,
            requested_at=self.context.clock.now(),
            edge_port=self.free_port(spec.address_port),
        )

    async def _check_port(self, spec: ServiceSpec) -> None:
        if not spec.address_port:
            return
        for other in await self.context.store.services(live_only=True):
            if other.edge_port == spec.address_port and other.name != spec.name:
                raise ConflictError(
                    f"port {spec.address_port} is {other.name}'s", next_step="Choose another `service.address_port`."
                )

    async def _save(self, service: Service, kind: EventKind) -> Service:
        now = self.context.clock.now()
        data = {"revision": service.revision, "port": service.edge_port}
        event = Event(kind=kind, subject=service.name, at=now, data=data, reason="asked for")
        await self.context.store.save(service, events=[event])
        self.context.signal.notify()
        return replace(service, version=service.version + 1)

    async def _stop(self, name: WorkloadName) -> Service:
        service = await self.context.store.service(name)
        if service is None:
            raise NotFoundError(f"no service is called {name!r}", next_step="`kyc ps` lists them.")
        if service.is_over or service.stop_requested:
            return service
        stopping = replace(service, stop_requested=True)
        await self.context.store.save(stopping)
        self.context.signal.notify()
        return replace(stopping, version=service.version + 1)


def _made_of(spec: ServiceSpec) -> ServiceSpec:
    """Return the part of the file that replicas are made of."""
    usual = ServiceSpec(name=spec.name, run=spec.run, port=spec.port)
    return replace(
        usual,
        setup=spec.setup,
        image=spec.image,
        workdir=spec.workdir,
        envs=spec.envs,
        size=spec.size,
        probe=spec.probe,
        stop_grace=spec.stop_grace,
    )
