"""An instance: what the cloud bills; it runs one agent. Its life is the table below and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from kyc.domain.ids import DeploymentId, InstanceId, WorkloadName
from kyc.domain.interruption import Notice
from kyc.domain.machine import advance, is_final
from kyc.domain.money import PriceChange
from kyc.domain.offer import Offer
from kyc.domain.refusal import Refusal


class InstanceState(StrEnum):
    """Where an instance is in its life."""

    REQUESTED = "requested"  # the intent is stored; nothing may exist yet
    PROVISIONING = "provisioning"  # Terraform is creating it
    BOOTING = "booting"  # the cloud has it; its agent has not said hello
    READY = "ready"  # its agent is connected, or was a moment ago
    NOTICED = "noticed"  # the provider takes it away soon
    DRAINING = "draining"  # its present work ends, no new work comes
    LOST = "lost"  # no heartbeat, or the cloud says it is gone
    TERMINATING = "terminating"  # Terraform is destroying it
    TERMINATED = "terminated"
    FAILED = "failed"  # it never came to life, and nothing of it is left


_S = InstanceState
INSTANCE_EDGES: dict[InstanceState, frozenset[InstanceState]] = {
    _S.REQUESTED: frozenset({_S.PROVISIONING, _S.TERMINATING, _S.FAILED}),
    _S.PROVISIONING: frozenset({_S.BOOTING, _S.READY, _S.TERMINATING, _S.FAILED}),
    _S.BOOTING: frozenset({_S.READY, _S.LOST, _S.TERMINATING, _S.FAILED}),
    _S.READY: frozenset({_S.NOTICED, _S.DRAINING, _S.LOST, _S.TERMINATING}),
    _S.NOTICED: frozenset({_S.DRAINING, _S.LOST, _S.TERMINATING}),
    _S.DRAINING: frozenset({_S.LOST, _S.TERMINATING}),
    _S.LOST: frozenset({_S.TERMINATING}),
    _S.TERMINATING: frozenset({_S.TERMINATED}),
    _S.TERMINATED: frozenset(),
    _S.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance as kyc knows it. `version` counts the writes; the store guards each by it."""

    id: InstanceId
    deployment_id: DeploymentId
    offer: Offer
    state: InstanceState
    requested_at: datetime
    name: str
    workload: WorkloadName | None = None
    provider_id: str | None = None
    address: str | None = None
    started_at: datetime | None = None
    ready_at: datetime | None = None  # its agent came
    ended_at: datetime | None = None
    seen_at: datetime | None = None
    notice: Notice | None = None
    advised_at: datetime | None = None  # its provider recommends to leave it: a hint, no notice
    leaves_early: bool | None = None  # whether that is followed; None: nobody has weighed it
    interrupted_at: datetime | None = None  # when the provider took it away, announced that, or refused it
    end_reason: str = ""
    crashed: bool = False  # it ended by itself: the provider is not to blame, and another one may end the same way
    refusal: Refusal | None = None  # why the provider did not give it
    agent_hash: str = ""  # of the secret the agent chose when it enrolled
    prices: tuple[
        PriceChange, ...
    ] = ()  # what changed since it was requested; before the first the offer's price holds
    version: int = 0

    def to(self, state: InstanceState, **changes: object) -> Instance:
        """Return the instance in the new state with the changes applied; raise TransitionError if it cannot."""
        advance(INSTANCE_EDGES, self.state, state, story=f"instance {self.id}")
        return replace(self, state=state, **changes)  # type: ignore[arg-type]  # names are the fields'

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs or bills any more."""
        return is_final(INSTANCE_EDGES, self.state)

    @property
    def price_now(self) -> PriceChange:
        """What it costs now, and since when; the offer's own price from the request on, as long as nothing changed."""
        if self.prices:
            return self.prices[-1]
        price, list_price = self.offer.price_usd_per_hour, self.offer.on_demand_usd_per_hour
        return PriceChange(at=self.requested_at, usd_per_hour=price, on_demand_usd_per_hour=list_price)

    @property
    def is_doomed(self) -> bool:
        """Whether it is going away, so that nothing new may rely on it."""
        return self.state not in LIVING


LIVING = frozenset({_S.REQUESTED, _S.PROVISIONING, _S.BOOTING, _S.READY})
BILLED = frozenset({_S.BOOTING, _S.READY, _S.NOTICED, _S.DRAINING, _S.LOST, _S.TERMINATING})
