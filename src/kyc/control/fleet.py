"""The fleet loop: Terraform runs for every deployment whose instances differ from what is wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from kyc.control.context import Context, write_fresh
from kyc.control.enginelog import timeline_log
from kyc.control.gate import NEXT_STEP, spent_for
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.errors import CredentialError, KycError, QuotaError, UnreachableError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.refusal import Refusal, refusal_of
from kyc.planning.fleet import Converge, plan_fleet
from kyc.ports.provisioner import Provisioned
from kyc.ports.store import Record

log = logging.getLogger(__name__)

UserData = Callable[[Deployment, InstanceId, str], Awaitable[str]]

_S = InstanceState
_COMING = frozenset({_S.REQUESTED, _S.PROVISIONING})
_GOING = frozenset({_S.TERMINATING, _S.LOST})
_GONE = frozenset({_S.TERMINATING, _S.TERMINATED, _S.FAILED})
_ADD = "Add one with `kyc cloud add`."
FIRST_REST_S = 1.0
LONGEST_REST_S = 60.0


class _Failures(NamedTuple):
    """How often in a row a deployment's run failed, and when (monotonic) it may run again."""

    in_a_row: int
    again_at_s: float


@dataclass(slots=True)
class Fleet:
    """Owns the Terraform runs: one a deployment at a time, `parallel` in all.

    Enter it as an asynchronous context before the first tick; leaving it cancels the runs, which stops Terraform
    gently. A run that fails is tried again after a while, each time a longer one.
    """

    context: Context
    user_data: UserData
    parallel: int = 8
    _runs: dict[DeploymentId, asyncio.Task[None]] = field(default_factory=dict)
    _failures: dict[DeploymentId, _Failures] = field(default_factory=dict)
    _group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)

    async def __aenter__(self) -> Fleet:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for run in self._runs.values():
            run.cancel()
        await self._group.__aexit__(None, None, None)

    async def tick(self) -> None:
        """Start the runs that are needed and not under way; returns without waiting for them."""
        store = self.context.store
        plans = plan_fleet(await store.deployments(live_only=True), await store.instances())
        for plan in plans:
            deployment_id = plan.deployment.id
            if self._may_run(deployment_id) and len(self._runs) < self.parallel:
                self._runs[deployment_id] = self._group.create_task(self._run(deployment_id))

    def _may_run(self, deployment_id: DeploymentId) -> bool:
        failures = self._failures.get(deployment_id)
        rested = failures is None or self.context.clock.monotonic_s() >= failures.again_at_s
        return rested and deployment_id not in self._runs

    async def _run(self, deployment_id: DeploymentId) -> None:
        try:
            plan = await self._plan(deployment_id)
            if plan is None or await self._converge(plan):
                self._failures.pop(deployment_id, None)
            else:
                self._note_failure(deployment_id)
        except UnreachableError as error:
            self._note_failure(deployment_id)
            log.info("converge_again", extra={"deployment": deployment_id, "why": str(error)})
        except Exception:  # as in control.loop: one deployment's defect must not stop the others
            self._note_failure(deployment_id)
            log.exception("converge_failed", extra={"deployment": deployment_id})
        finally:
            del self._runs[deployment_id]
            self.context.signal.notify()

    async def _plan(self, deployment_id: DeploymentId) -> Converge | None:
        """Plan once more: what the tick read may be from before the run that has just ended."""
        deployment = await self.context.store.deployment(deployment_id)
        plans = plan_fleet([deployment], await self._instances(deployment)) if deployment is not None else []
        return plans[0] if plans else None

    def _note_failure(self, deployment_id: DeploymentId) -> None:
        before = self._failures.get(deployment_id, _Failures(0, 0))
        wait_s = min(FIRST_REST_S * 2.0**before.in_a_row, LONGEST_REST_S)
        self._failures[deployment_id] = _Failures(before.in_a_row + 1, self.context.clock.monotonic_s() + wait_s)

    async def _converge(self, plan: Converge) -> bool:
        """Run Terraform and record what came of it; False if it failed and has to be tried again."""
        deployment = plan.deployment
        spent = await self._spent(plan)
        if spent:
            refused = QuotaError(f"{spent}: nothing more is bought", next_step=NEXT_STEP)
            return await write_fresh(lambda: self._failed(deployment, refused))
        await self._mark_provisioning(deployment, plan.wanted)
        started = self.context.clock.monotonic_s()

        try:
            user_data = await self._user_data(deployment, plan.wanted)
            async with timeline_log(self.context, deployment.id) as on_line:
                provisioned = await self.context.provisioner.converge(deployment, user_data, on_line)
        except UnreachableError:
            raise
        except KycError as failure:
            error = failure  # the name after `as` ends with the block, the closure does not
            return await write_fresh(lambda: self._failed(deployment, error))
        took_s = round(self.context.clock.monotonic_s() - started, 3)
        await write_fresh(lambda: self._done(deployment, plan.wanted, provisioned, took_s))
        return True

    async def _spent(self, plan: Converge) -> str:
        """Return which budget forbids this purchase; empty if none does, or if part of it may exist already."""
        if plan.deployment.state is not DeploymentState.REQUESTED or not plan.wanted:
            return ""
        instances = await self._instances(plan.deployment)
        if any(instance.state is not _S.REQUESTED for instance in instances):
            return ""
        return await spent_for(self.context, instances[0].workload) if instances else ""

    async def _user_data(self, deployment: Deployment, wanted: tuple[InstanceId, ...]) -> dict[InstanceId, str]:
        if not wanted:
            return {}
        cloud = self.context.clouds.get(deployment.offer.cloud)
        if cloud is None:
            raise CredentialError(f"there is no account of {deployment.offer.cloud} any more", next_step=_ADD)
        master_url = await cloud.reach(self.context.master_url)
        return {instance_id: await self.user_data(deployment, instance_id, master_url) for instance_id in wanted}

    async def _mark_provisioning(self, deployment: Deployment, wanted: tuple[InstanceId, ...]) -> None:
        instances = [i for i in await self._instances(deployment) if i.id in wanted]
        coming = [i.to(_S.PROVISIONING) for i in instances if i.state is _S.REQUESTED]
        if coming:
            await self.context.store.save(*coming)

    async def _done(
        self, deployment: Deployment, wanted: tuple[InstanceId, ...], provisioned: Provisioned, took_s: float
    ) -> None:
        """Record what exists now. Reads again first: agents may have come and notices may have been told meanwhile."""
        now = self.context.clock.now()
        fresh = await self.context.store.deployment(deployment.id)
        if fresh is None:
            return
        records: list[Record] = []
        events: list[Event] = []
        for instance in await self._instances(fresh):
            after = _after(instance, wanted, provisioned, now)
            if after is not None:
                records.append(after)
                if after.state is _S.TERMINATED:
                    events.append(_event(EventKind.INSTANCE_TERMINATED, instance.id, now, after.end_reason))
        if fresh.state is DeploymentState.REQUESTED and wanted:
            records.append(fresh.to(DeploymentState.APPLIED))
            events.append(_event(EventKind.DEPLOYMENT_SUCCEEDED, fresh.id, now, fresh.reason, took_s=took_s))
        if not wanted:
            records.append(fresh.to(DeploymentState.DESTROYED))
            events.append(_event(EventKind.DEPLOYMENT_DESTROYED, fresh.id, now, fresh.failure, took_s=took_s))
        await self.context.store.save(*records, events=events)

    async def _failed(self, deployment: Deployment, error: KycError) -> bool:
        """Record the failure. True: it never came and is taken back next; False: the same has to be tried again."""
        now = self.context.clock.now()
        fresh = await self.context.store.deployment(deployment.id)
        if fresh is None:
            return True
        event = _event(EventKind.DEPLOYMENT_FAILED, fresh.id, now, str(error), next_step=error.next_step)
        if fresh.state is not DeploymentState.REQUESTED:
            await self.context.store.save(events=[event])
            return False
        records: list[Record] = [fresh.to(DeploymentState.FAILED, failure=str(error))]
        for instance in await self._instances(fresh):
            if instance.state in _COMING:
                refusal = refusal_of(error)
                taken_at = now if refusal is Refusal.CAPACITY else None
                ended = {"ended_at": now, "interrupted_at": taken_at, "end_reason": str(error), "refusal": refusal}
                records.append(instance.to(_S.FAILED, **ended))
            elif instance.state not in _GONE:
                records.append(instance.to(_S.TERMINATING, end_reason=str(error)))
        await self.context.store.save(*records, events=[event])
        return True

    async def _instances(self, deployment: Deployment) -> list[Instance]:
        return [i for i in await self.context.store.instances() if i.deployment_id == deployment.id]


def _event(kind: EventKind, subject: str, now: datetime, reason: str, **data: object) -> Event:
    return Event(kind=kind, subject=subject, at=now, data=data, reason=reason)


def _after(
    instance: Instance, wanted: tuple[InstanceId, ...], provisioned: Provisioned, now: datetime
) -> Instance | None:
    """Return the instance as the run left it, None if it did not change."""
    if instance.id in wanted:
        found = replace(
            instance,
            provider_id=provisioned.provider_ids.get(instance.id, instance.provider_id),
            address=provisioned.addresses.get(instance.id, instance.address),
            started_at=instance.started_at or now,
        )
        if instance.state is _S.PROVISIONING:
            return found.to(_S.BOOTING)
        return found if found != instance else None
    if instance.state in _GOING:
        leaving = instance if instance.state is _S.TERMINATING else instance.to(_S.TERMINATING)
        return leaving.to(_S.TERMINATED, ended_at=instance.ended_at or now)
    return None
