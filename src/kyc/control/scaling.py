"""How many instances and replicas one service should have, and where: from what was seen to what is to be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from kyc.control.advice import follow_advice
from kyc.control.context import Context
from kyc.control.purchase import Wanted, purchase, ranked
from kyc.control.servicestep import ServiceStep
from kyc.control.thresholds import plan_by_threshold
from kyc.control.traffic import Course, Traffic, TrafficHistory
from kyc.domain.event import EventKind
from kyc.domain.ids import WorkloadName
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.offer import Offer, Purchase
from kyc.domain.service import ScalingPolicy, SpotRule, Target
from kyc.planning.autoscale import Cause, Pace, ScaleDecision, ServiceView, memory_of, plan_scale
from kyc.planning.forecast import Forecast, forecast_demand
from kyc.planning.packing import (
    BuyInstances,
    DrainReplica,
    PackAction,
    ReleaseInstance,
    Standing,
    StartReplica,
    plan_packing,
)
from kyc.planning.risk import RiskBook
from kyc.planning.serving import (
    ServiceRecords,
    hopeless_because,
    is_last_resort,
    next_purchase_at,
    next_start_at,
    pace_of,
    pack_fleet,
    pack_rule,
    per_instance,
    plan_rollout,
    scaling_rule,
    standing_of,
)
from kyc.planning.spread import FleetSize, plan_fleet_size

_NEVER_SPOT = SpotRule(on_demand_base=1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What a round works with: the pace of this service here, and how many replicas share an instance."""

    pace: Pace
    each: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What goes into a decision's story: the signals as read last, and why no edge has the service, if so."""

    signals: Mapping[Target, float | None]
    refused: str


@dataclass(slots=True)
class Scaling:
    """Decides and places. `decisions` holds the newest decision of each service, for those who ask why."""

    context: Context
    traffic: Traffic
    decisions: dict[WorkloadName, ScaleDecision] = field(default_factory=dict)
    _forecasts: dict[WorkloadName, tuple[int, Forecast | None]] = field(default_factory=dict)
    _best: dict[WorkloadName, tuple[int, Offer | None]] = field(default_factory=dict)

    def forget(self, names: set[WorkloadName]) -> None:
        """Drop what is known of services that are over."""
        for known in (self.decisions, self._forecasts, self._best):
            for name in names & set(known):
                del known[name]

    async def scale(self, step: ServiceStep, history: TrafficHistory, refused: str = "") -> None:
        """Put into the step what brings the service to the numbers it should have. `refused`: why no edge has it."""
        sizing = await self._sizing(step)
        rule, told = scaling_rule(step.service), _Told(signals=history.signals, refused=refused)
        if rule.policy is ScalingPolicy.THRESHOLD:
            cpu = {instance.id: self.traffic.pulses.cpu_samples(instance.id) for instance in step.seen.held}
            seen = step.current()
            seen = replace(seen, service=replace(seen.service, spec=replace(seen.service.spec, scaling=rule)))
            decision, actions, reason = plan_by_threshold(seen, cpu, sizing.each, now=step.now)
            self._note(step, decision, reason, told)
            for action in actions:
                _apply(step, action)
        else:
            decision = plan_scale(rule, self._view(step, history, sizing), sizing.pace, now=step.now)
            self._note(step, decision, decision.reason, told)
        await follow_advice(self.context, step, decision, sizing.pace)
        await self._pack(step, _fleet(step, decision, sizing.each), sizing)

    async def _sizing(self, step: ServiceStep) -> Sizing:
        held = step.current().held
        best = None if held else await self._best_offer(step)
        return Sizing(
            pace=pace_of(step.seen, best or (held[0].offer if held else None)),
            each=per_instance(step.service.spec, held, best),
        )

    def _note(self, step: ServiceStep, decision: ScaleDecision, reason: str, told: _Told) -> None:
        self.decisions[step.service.name] = decision
        if step.service.frugal:
            reason = f"{reason}; {step.service.frugal}, so it keeps to its fewest replicas"
        signals = {t.signal: None if value is None else round(value, 3) for t, value in told.signals.items()}
        step.decided(decision, reason, signals=signals)
        why = reason if decision.cause is Cause.BROKEN else hopeless_because(step.current())
        step.set(reason=told.refused or why)

    def _view(self, step: ServiceStep, history: TrafficHistory, sizing: Sizing) -> ServiceView:
        service, rule = step.service, step.service.spec.scaling
        course = self.traffic.series(service, span_s=memory_of(rule.worth, sizing.pace.instance_start_s))
        if not rule.targets:  # nothing is measured: the limits alone decide
            course = Course(demand=np.zeros(1), grain=0.0, lacks_signal=False)
        return ServiceView(
            demand=course.demand,
            grain=course.grain,
            lacks_signal=course.lacks_signal,
            instances=service.wanted_instances,
            replicas=service.wanted_replicas,
            per_instance=sizing.each,
            waiting=history.waiting,
            forecast=self._forecast(service.name, history, sizing.pace),
        )

    def _forecast(self, name: WorkloadName, history: TrafficHistory, pace: Pace) -> Forecast | None:
        minute = int(self.context.clock.monotonic_s()) // 60
        known = self._forecasts.get(name)
        if known is None or known[0] != minute:
            ahead = round((pace.instance_start_s + pace.replica_start_s) / 60)
            known = (minute, forecast_demand(np.array(history.minutes, dtype=float), ahead_min=ahead))
            self._forecasts[name] = known
        return known[1]

    async def _best_offer(self, step: ServiceStep) -> Offer | None:
        """The offer that would be bought next, looked up once a minute: how many replicas share an instance of it."""
        minute = int(self.context.clock.monotonic_s()) // 60
        known = self._best.get(step.service.name)
        if known is None or known[0] != minute or known[1] is None:
            offers = await ranked(self.context, step.service.spec, step.seen)
            known = (minute, offers[0] if offers else None)
            self._best[step.service.name] = known
        return known[1]

    async def _pack(self, step: ServiceStep, fleet: FleetSize, sizing: Sizing) -> None:
        seen, rule = step.current(), pack_rule(step.service.spec)
        risks = await self.context.risks() if len(seen.held) > fleet.instances else RiskBook()
        board = pack_fleet(seen, fleet, risks)
        actions = plan_packing(board, rule, replicas=fleet.replicas, instances=fleet.instances)
        for action in actions or plan_rollout(seen, rule):
            if isinstance(action, BuyInstances):
                await self._buy(step, action, fleet, sizing)
            elif isinstance(action, StartReplica) and _is_ahead(next_start_at(seen), step.now):
                continue
            elif not (isinstance(action, DrainReplica) and is_last_resort(seen, action, now=step.now)):
                _apply(step, action)

    async def _buy(self, step: ServiceStep, action: BuyInstances, fleet: FleetSize, sizing: Sizing) -> None:
        seen = step.current()
        if _is_ahead(next_purchase_at(seen), step.now):
            return
        on_demand = sum(instance.offer.purchase is Purchase.ON_DEMAND for instance in seen.held)
        dear = min(action.count, max(0, fleet.on_demand - on_demand))
        wanted = Wanted(spot=action.count - dear, on_demand=dear, per_instance=sizing.each, reason=action.reason)
        bought, refused = await purchase(self.context, seen, wanted, sizing.pace)
        if refused:
            step.set(reason=refused)
        for one in bought:
            step.buy(one.deployment, one.instances, mix=fleet.reason, **one.story)
        new = [instance for one in bought for instance in one.instances]
        for gone, instance in zip(_unreplaced(step), new, strict=False):
            data = {"instance": instance.id, "replaces": gone.id, "replicas": len(step.seen.on(gone.id))}
            step.tell(EventKind.REPLACEMENT_REQUESTED, _why_gone(gone), **data)


def _fleet(step: ServiceStep, decision: ScaleDecision, each: int) -> FleetSize:
    spec, rule = step.service.spec, scaling_rule(step.service)
    ready_spot = sum(i.state is InstanceState.READY and i.offer.purchase is Purchase.SPOT for i in step.current().held)
    return plan_fleet_size(
        rule.spot if any(wish.use_spot for wish in spec.any_of) else _NEVER_SPOT,
        instances=decision.instances,
        replicas=decision.replicas,
        per_instance=each,
        ready_spot=ready_spot,
    )


def _apply(step: ServiceStep, action: PackAction) -> None:
    match action:
        case StartReplica():
            step.start(action)
        case DrainReplica():
            step.drain(action)
        case ReleaseInstance():
            step.release(action)
        case BuyInstances():
            raise AssertionError("what is bought needs offers: see _buy")


def _unreplaced(step: ServiceStep) -> list[Instance]:
    """The instances that go away with replicas that counted until now: what is bought now stands in for them."""
    seen: ServiceRecords = step.seen
    counted = {replica.instance_id for replica in seen.replicas if replica.draining_at is None}
    return [i for i in seen.instances.values() if i.id in counted and standing_of(i) is Standing.GOING]


def _why_gone(instance: Instance) -> str:
    if instance.notice is not None:
        return f"the provider takes {instance.id} away"
    return instance.end_reason or f"{instance.id} is {instance.state}"


def _is_ahead(at: datetime | None, now: datetime) -> bool:
    return at is not None and now < at
