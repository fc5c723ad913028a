"""The services loop: for each service see, decide, place and drain; each round is one guarded write.

It makes nothing happen by itself: instances come by the fleet loop, replicas by their agents' desires
(`control.orders`), the edge by the routing loop (`control.routing`), which is the faster one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kyc.control.context import Context
from kyc.control.routing import Routing
from kyc.control.scaling import Scaling
from kyc.control.servicestep import ServiceStep
from kyc.control.traffic import Traffic, TrafficHistory
from kyc.domain.errors import StaleWriteError
from kyc.domain.event import EventKind
from kyc.domain.ids import WorkloadName
from kyc.domain.replica import Replica, ReplicaState
from kyc.domain.service import Service, ServiceState
from kyc.planning.autoscale import ScaleDecision
from kyc.planning.packing import DrainReplica, ReleaseInstance
from kyc.planning.serving import ServiceRecords, drained_replicas, gone_replicas, hopeless_because
from kyc.ports.edge import EdgeLoad

ENDED_KEPT = 20  # of the replicas that are over: the newest tell how starts went
_SECOND_S = 0.95  # a tick may come a little early


@dataclass(slots=True)
class Services:
    """Moves every service towards what it should be; safe to run at any time, and to be cut off at any time."""

    context: Context
    traffic: Traffic
    routing: Routing
    scaling: Scaling
    _noted_s: float = -1.0

    async def tick(self) -> None:
        """Take one round for every service of which something is left."""
        store = self.context.store
        everything = await store.services()
        if not everything:
            return
        owned = {instance.workload for instance in await store.instances(live_only=True)}
        services = [service for service in everything if not service.is_over or service.name in owned]
        over = {service.name for service in everything} - {service.name for service in services}
        self.traffic.forget(over)
        self.scaling.forget(over)
        if not services:
            return
        loads = await self.traffic.read(since_s=self.routing.applied_s)  # else what has just come would be missed
        now_s = self.context.clock.monotonic_s()
        noted = now_s - self._noted_s >= _SECOND_S
        if noted:
            self._noted_s = now_s
        for service in services:
            try:
                await self._round(service, loads, noted=noted)
            except StaleWriteError:  # an agent or a person was faster: the next tick, at once, reads again
                self.context.signal.notify()

    @property
    def host(self) -> str:
        """Where services are reached."""
        return self.routing.host

    def history(self, name: WorkloadName) -> TrafficHistory:
        """Return what a service had to do lately."""
        return self.traffic.of(name)

    def decision(self, name: WorkloadName) -> ScaleDecision | None:
        """Return the last decision about a service's numbers, None if there was none since the master's start."""
        return self.scaling.decisions.get(name)

    async def look(self, service: Service) -> ServiceRecords:
        """Read all that is stored of one service."""
        store = self.context.store
        replicas = await store.replicas(workload=service.name, live_only=True)
        ended: list[Replica] = []
        if service.replicas > len(replicas):
            ended = [replica for replica in await store.replicas(workload=service.name) if replica.is_over]
            ended.sort(key=lambda replica: replica.ended_at or replica.created_at)
        instances = {instance.id: instance for instance in await store.instances(workload=service.name)}
        return ServiceRecords(service=service, replicas=replicas, ended=ended[-ENDED_KEPT:], instances=instances)

    async def _round(self, service: Service, loads: Mapping[WorkloadName, EdgeLoad] | None, *, noted: bool) -> None:
        seen = await self.look(service)
        if noted:
            history = self.traffic.note(seen, loads)
        else:  # between two seconds only what is in flight and what waits is news
            history = self.traffic.of(service.name)
            history.load = None if loads is None else loads.get(service.name)
        step = ServiceStep(seen, self.context.clock.now())
        self._follow(step, history)
        if self._is_ending(step):
            self._end(step)
        else:
            await self.scaling.scale(step, history, self.routing.refused_because(service.name))
        if step.records or step.events:
            await self.context.store.save(*step.records, events=step.events)
            self.context.signal.notify()

    def _follow(self, step: ServiceStep, history: TrafficHistory) -> None:
        """Take note of lost instances, of drained replicas, and of the first one that is ready."""
        seen = step.seen
        for replica, reason in gone_replicas(seen):
            step.lose(replica, reason)
        left = step.current()
        out = self.routing.out(seen.service.name)
        for replica, reason in drained_replicas(left, history.in_flight(), out, now=step.now):
            step.drained(replica, reason)
        begun = any(replica.state is ReplicaState.READY for replica in left.replicas)
        idle = seen.service.spec.scaling.min_replicas == 0 and not seen.service.wanted_replicas
        is_up = (begun or idle) and self.routing.accepted(seen.service.name)
        if seen.service.state is ServiceState.STARTING and is_up:
            took_s = round((step.now - seen.service.requested_at).total_seconds(), 3)
            step.set(started_at=step.now)
            step.move(ServiceState.RUNNING, EventKind.SERVICE_READY, "", took_s=took_s)

    def _is_ending(self, step: ServiceStep) -> bool:
        """Say whether it stops, or has to be stopped because it cannot be kept up."""
        seen = step.current()
        if seen.service.is_over or seen.service.state is ServiceState.STOPPING:
            return True
        hopeless = hopeless_because(seen)
        if hopeless and not seen.service.stop_requested:
            if any(replica.state is ReplicaState.READY for replica in seen.replicas):
                return False  # an older revision serves: it stays
            step.set(failed=True, stop_requested=True, stop_reason=hopeless)
        if not step.service.stop_requested:
            return False
        step.move(ServiceState.STOPPING, EventKind.SERVICE_UPDATED, _why_stops(step.service))
        return True

    def _end(self, step: ServiceStep) -> None:
        """Drain and give back everything; the service is over when nothing of it is left."""
        reason = _why_stops(step.service)
        for replica in step.current().replicas:
            if replica.state is not ReplicaState.DRAINING:
                step.drain(DrainReplica(instance_id=replica.instance_id, replica_id=replica.id, reason=reason))
        left = step.current()
        for instance in left.instances.values():
            if not instance.is_over and not left.on(instance.id):
                step.release(ReleaseInstance(instance_id=instance.id, reason=reason))
        if left.replicas or any(not i.is_over for i in step.current().instances.values()) or step.service.is_over:
            return
        if step.service.failed:
            step.move(ServiceState.FAILED, EventKind.SERVICE_FAILED, reason)
        else:
            step.move(ServiceState.STOPPED, EventKind.SERVICE_STOPPED, reason)


def _why_stops(service: Service) -> str:
    return service.stop_reason or "stop was asked for"
