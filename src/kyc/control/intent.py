"""What people ask for, stored as intent: the loops do the rest."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, replace
from datetime import timedelta

from kyc.control.context import Context, write_fresh
from kyc.control.launch import Launches
from kyc.domain.deployment import Deployment
from kyc.domain.errors import (
    ConflictError,
    NotAllowedError,
    NotFoundError,
)
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId, WorkloadName
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.job import AttemptState, Job, JobState
from kyc.domain.launch import LaunchWish
from kyc.domain.replica import ReplicaState
from kyc.domain.workload import JobSpec
from kyc.planning.market import Ranking, WorkAhead
from kyc.ports.secrets import Secrets

KEY_BYTES = 32
ENROL_WITHIN = timedelta(hours=2)  # well over what any boot takes


@dataclass(frozen=True, slots=True)
class Intents:
    """Stores what is wanted, once and guarded, and wakes the loops. Nothing here waits for a cloud but `interrupt`."""

    context: Context

    async def submit_job(self, spec: JobSpec, *, user: str = "") -> Job:
        """Store a new job and return it; a name that is taken gets a number (`train-2`)."""
        name = await self._free_name(spec.name)
        now = self.context.clock.now()
        key = self.context.secrets.seal(os.urandom(KEY_BYTES), purpose=f"workload {name}")
        job = Job(
            name=name,
            spec=replace(spec, name=name),
            state=JobState.QUEUED,
            requested_at=now,
            sealed_key=key,
            user=user,
        )
        event = Event(kind=EventKind.JOB_QUEUED, subject=name, at=now, reason="asked for")
        await self.context.store.save(job, events=[event])
        self.context.signal.notify()
        return job

    async def stop(self, name: WorkloadName) -> Job:
        """Ask the job to stop: what it has is flushed first. One that is over stays as it is."""
        return await write_fresh(lambda: self._stop(name))

    async def _stop(self, name: WorkloadName) -> Job:
        job = await self.context.store.job(name)
        if job is None:
            raise NotFoundError(f"no workload is called {name!r}", next_step="`kyc ps` lists them.")
        if job.is_over or job.stop_requested:
            return job
        stopping = replace(job, stop_requested=True)
        await self.context.store.save(stopping)
        self.context.signal.notify()
        return replace(stopping, version=job.version + 1)

    async def rank(self, spec: JobSpec) -> Ranking:
        """Return the offers that the job could use, least expected cost first, with the numbers."""
        return await self.context.rank(spec.any_of, WorkAhead(data_at=self.context.data_at))

    async def launch(self, offer_id: str | None, count: int) -> Deployment:
        """Store a deployment of bare instances of one offer, see control.launch."""
        return await Launches(self.context).launch(LaunchWish(offer=offer_id, count=count))

    async def terminate(self, instance_id: InstanceId) -> Instance:
        """Ask for an instance's end. One that works for a job is drained first: a replacement takes over."""
        return await write_fresh(lambda: self._terminate(instance_id))

    async def _terminate(self, instance_id: InstanceId) -> Instance:
        instance = await self._instance(instance_id)
        if instance.is_over or instance.state in {InstanceState.TERMINATING, InstanceState.DRAINING}:
            return instance
        state = InstanceState.DRAINING if await self._is_working(instance) else InstanceState.TERMINATING
        leaving = instance.to(state, end_reason="termination was asked for")
        await self.context.store.save(leaving)
        self.context.signal.notify()
        return leaving

    async def interrupt(self, instance_id: InstanceId, notice_s: float) -> tuple[Instance, str]:
        """Have the cloud interrupt the instance, after a notice of `notice_s` seconds or dead at once for 0.

        Returns also how the cloud does it, in words for people.
        """
        instance = await self._instance(instance_id)
        if instance.is_over:
            raise ConflictError(
                f"instance {instance_id} is {instance.state}: there is nothing to interrupt",
                next_step="`kyc instances` shows what runs.",
            )
        if instance.provider_id is None:
            raise ConflictError(
                f"instance {instance_id} is still being made: the provider's id of it is not known yet",
                next_step=f"Try again once `kyc logs deployment/{instance.deployment_id}` says that it is complete.",
            )
        about: dict[str, object] = {"notice_s": notice_s, "workload": instance.workload}
        now = self.context.clock.now()
        event = Event(
            kind=EventKind.INTERRUPTION_REQUESTED, subject=instance_id, at=now, data=about, reason="asked for"
        )
        await self.context.store.save(events=[event])
        self.context.signal.notify()
        cloud = self.context.clouds.get(instance.offer.cloud)
        if cloud is None:
            raise ConflictError(f"there is no account of {instance.offer.cloud} any more")
        how = await cloud.interrupt(instance.provider_id, notice_s=notice_s)
        begun = Event(
            kind=EventKind.INTERRUPTION_BEGUN, subject=instance_id, at=self.context.clock.now(), data=about, reason=how
        )
        await self.context.store.save(events=[begun])
        self.context.doubt.notify()
        return instance, how

    async def enrol(self, instance_id: InstanceId, token: str, secret: str) -> None:
        """Accept an agent: its one-time token is exchanged for the secret it chose. The same again is no error."""
        await write_fresh(lambda: self._enrol(instance_id, token, secret))

    async def _enrol(self, instance_id: InstanceId, token: str, secret: str) -> None:
        instance = await self.expect(instance_id, token)
        if instance.agent_hash:
            if hmac.compare_digest(instance.agent_hash, _hash(secret)):
                return
            raise NotAllowedError(f"the token of instance {instance_id} has been used")
        await self.context.store.save(replace(instance, agent_hash=_hash(secret)))

    async def expect(self, instance_id: InstanceId, token: str) -> Instance:
        """Return the instance that this token was made for; raise NotAllowedError for any other, or when it is too old.

        It is good for `ENROL_WITHIN` of the request, and as long as the instance lives once its agent has used it.
        """
        instance = await self.context.store.instance(instance_id)
        expected = enrolment_token(self.context.secrets, instance_id)
        if instance is None or instance.is_over or not hmac.compare_digest(token.encode(), expected.encode()):
            raise NotAllowedError(f"no instance {instance_id} waits for an agent with this token")
        if not instance.agent_hash and self.context.clock.now() - instance.requested_at > ENROL_WITHIN:
            raise NotAllowedError(f"the token of instance {instance_id} has expired")
        return instance

    async def authenticate(self, instance_id: InstanceId, secret: str) -> Instance:
        """Return the instance whose agent has this secret; raise NotAllowedError for any other."""
        instance = await self.context.store.instance(instance_id)
        if (
            instance is None
            or instance.is_over
            or not instance.agent_hash
            or not hmac.compare_digest(instance.agent_hash, _hash(secret))
        ):
            raise NotAllowedError(f"not the agent of instance {instance_id}")
        return instance

    async def _free_name(self, wanted: WorkloadName) -> WorkloadName:
        taken = {job.name for job in await self.context.store.jobs()}
        if wanted not in taken:
            return wanted
        number = next(n for n in range(2, len(taken) + 3) if f"{wanted}-{n}" not in taken)
        return WorkloadName(f"{wanted}-{number}")

    async def _instance(self, instance_id: InstanceId) -> Instance:
        instance = await self.context.store.instance(instance_id)
        if instance is None:
            raise NotFoundError(f"no instance has the id {instance_id!r}", next_step="`kyc instances` lists them.")
        return instance

    async def _is_working(self, instance: Instance) -> bool:
        if instance.workload is None or instance.state is not InstanceState.READY:
            return False
        replicas = await self.context.store.replicas(workload=instance.workload, live_only=True)
        if any(r.instance_id == instance.id and r.state is ReplicaState.READY for r in replicas):
            return True
        attempts = await self.context.store.attempts(workload=instance.workload, live_only=True)
        return any(a.instance_id == instance.id and a.state is AttemptState.RUNNING for a in attempts)


def enrolment_token(secrets: Secrets, instance_id: InstanceId) -> str:
    """Return the token that goes into the instance's user data; it works until an agent has used it."""
    return secrets.derive(purpose=f"enrol {instance_id}")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
