"""Terraform in memory: takes fake time, prints lines, fails when told to."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from kyc.adapters.fake.cloud import FakeCloud
from kyc.domain.deployment import Deployment
from kyc.domain.errors import KycError
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.ports.clock import Clock
from kyc.ports.provisioner import Ground, LogLine, OnLine, Planned, Provisioned


class FakeProvisioner:
    """A Provisioner over fake clouds, by their names.

    Every call takes `delay_s` before it changes anything, `step_delay_s` before each instance, and `note_delay_s` after
    it until its state knows of it. `failures` are raised
    by the next calls in turn, after the delay; `fail_after` instances have come to exist (default none), as when
    Terraform stops in the middle.
    """

    def __init__(
        self, clock: Clock, clouds: Mapping[str, FakeCloud], *, delay_s: float = 0.0, step_delay_s: float = 0.0
    ) -> None:
        self._clock = clock
        self._clouds = clouds
        self._locks: defaultdict[DeploymentId, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._workspaces: dict[DeploymentId, dict[InstanceId, str]] = {}
        self._grounds: set[Ground] = set()
        self.delay_s = delay_s
        self.step_delay_s = step_delay_s
        self.note_delay_s = 0.0
        self.failures: list[KycError] = []
        self.fail_after = 0
        self.calls: list[tuple[DeploymentId, frozenset[InstanceId]]] = []

    async def converge(
        self, deployment: Deployment, user_data: Mapping[InstanceId, str], on_line: OnLine
    ) -> Provisioned:
        """Make exactly these instances exist; see the port."""
        async with self._locks[deployment.id]:
            self.calls.append((deployment.id, frozenset(user_data)))
            workspace = self._workspaces.setdefault(deployment.id, {})
            await self._clock.sleep_s(self.delay_s)
            failure = self.failures.pop(0) if self.failures else None
            try:
                await self._destroy(deployment, workspace, keep=user_data, on_line=on_line)
                await self._create(deployment, workspace, user_data, on_line, failure)
            except KycError as error:
                await on_line(LogLine(text=str(error), level="error"))
                raise
            if not user_data:
                del self._workspaces[deployment.id]
            return self._provisioned(deployment, workspace)

    async def plan(self, deployment: Deployment, user_data: Mapping[InstanceId, str], on_line: OnLine) -> list[Planned]:
        """Name one resource for each instance; see the port."""
        await self._clock.sleep_s(self.delay_s)
        await on_line(LogLine(text=f"Plan: {len(user_data)} to add"))
        return [Planned(address=f'{deployment.offer.cloud}["{key}"]', action="create") for key in sorted(user_data)]

    async def export(self) -> Mapping[str, str]:
        """Give a line for each instance; see the port."""
        return {f"{key}/state.txt": "\n".join(sorted(made.values())) for key, made in self._workspaces.items()}

    async def deployments(self) -> frozenset[DeploymentId]:
        """Return those with a workspace."""
        return frozenset(self._workspaces)

    async def prepare(self, ground: Ground, on_line: OnLine) -> None:
        """Make what instances share there; see the port."""
        await self._clock.sleep_s(self.delay_s)
        self._grounds.add(ground)
        await on_line(LogLine(text=f"shared: {ground.name}: Creation complete"))

    async def release(self, ground: Ground, on_line: OnLine) -> None:
        """Take away what instances shared there; see the port."""
        await self._clock.sleep_s(self.delay_s)
        self._grounds.discard(ground)
        await on_line(LogLine(text=f"shared: {ground.name}: Destruction complete"))

    async def grounds(self) -> frozenset[Ground]:
        """Return those that were prepared."""
        return frozenset(self._grounds)

    async def _destroy(
        self,
        deployment: Deployment,
        workspace: dict[InstanceId, str],
        *,
        keep: Mapping[InstanceId, str],
        on_line: OnLine,
    ) -> None:
        cloud = self._clouds[deployment.offer.cloud]
        for instance_id in [key for key in workspace if key not in keep]:
            await self._clock.sleep_s(self.step_delay_s)
            cloud.end(instance_id, reason="destroyed")
            del workspace[instance_id]
            await on_line(LogLine(text=f"{instance_id}: Destruction complete"))

    async def _create(
        self,
        deployment: Deployment,
        workspace: dict[InstanceId, str],
        user_data: Mapping[InstanceId, str],
        on_line: OnLine,
        failure: KycError | None,
    ) -> None:
        cloud = self._clouds[deployment.offer.cloud]
        created = 0
        for instance_id, script in user_data.items():
            if failure is not None and created >= self.fail_after:
                break
            if instance_id in workspace:
                continue
            await self._clock.sleep_s(self.step_delay_s)
            seen = cloud.launch(deployment, instance_id, script)
            await self._clock.sleep_s(self.note_delay_s)
            workspace[instance_id] = seen.provider_id
            created += 1
            await on_line(LogLine(text=f"{instance_id}: Creation complete [id={seen.provider_id}]"))
        if failure is not None:
            raise failure

    def _provisioned(self, deployment: Deployment, workspace: Mapping[InstanceId, str]) -> Provisioned:
        machines = self._clouds[deployment.offer.cloud].machines
        addresses = {key: machines[key].seen.address or "" for key in workspace}
        return Provisioned(provider_ids=dict(workspace), addresses=addresses)
