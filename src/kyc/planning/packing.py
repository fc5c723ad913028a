"""Which replica goes on which instance: pure, from the fleet as it is and the numbers wanted, to actions with reasons.

New replicas go to ready instances first, the fullest that has room first, so that badly used ones empty. When fewer
instances are wanted (or the replicas would fit on fewer), the ones to leave take nothing new; replicas that are too
many go from them, the others move: the successor starts first, the old one is drained when the successor is ready.
An instance is released when it is empty. Ready replicas never go below `min_ready` by a plan's own doing; a noticed
instance is drained at once, since its provider gives no choice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kyc.domain.ids import InstanceId, ReplicaId
from kyc.domain.offer import Pool
from kyc.domain.service import ReplicaSize


class Standing(StrEnum):
    """What an instance is good for."""

    READY = "ready"
    COMING = "coming"  # requested or booting: replicas can be placed on it already
    GOING = "going"  # noticed, draining or lost: nothing may rely on it


@dataclass(frozen=True, slots=True, kw_only=True)
class PackReplica:
    """A replica that is not over. `replaces` names the one it takes over from, in a move."""

    id: ReplicaId
    is_ready: bool
    is_draining: bool = False
    replaces: ReplicaId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackInstance:
    """An instance with what it offers to replicas (`room` in all, not what is left) and what runs on it.

    `is_stand_in`: it was bought for want of another kind, which is there now: the first to leave, full or not.
    """

    id: InstanceId
    standing: Standing
    room: ReplicaSize
    replicas: tuple[PackReplica, ...] = ()
    pool: Pool | None = None
    price_usd_per_hour: float = 0.0
    interruptions_per_hour: float = 0.0
    is_stand_in: bool = False
    leaves_early: bool = False  # it serves until another one is ready in its place


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRule:
    """What a replica takes, how many share an instance at most, and what must always be ready.

    `break_even_s`: an instance that the replicas do not need is left only after they have not needed it for this long
    (what it costs to start one again). `max_moves`: how many replicas move at the same time.
    """

    size: ReplicaSize = field(default_factory=ReplicaSize)
    max_per_instance: int | None = None
    min_ready: int = 0
    max_moves: int = 4
    break_even_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReplica:
    """Start a replica on the instance; `replaces` where it is the second half of a move."""

    instance_id: InstanceId
    reason: str
    replaces: ReplicaId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainReplica:
    """Take a replica out of the edge, let its requests end, stop it."""

    instance_id: InstanceId
    replica_id: ReplicaId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyInstances:
    """Buy so many more; which offers is for `planning.market` and `planning.spread`."""

    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseInstance:
    """Give an empty instance back."""

    instance_id: InstanceId
    reason: str


PackAction = StartReplica | DrainReplica | BuyInstances | ReleaseInstance


def fits_per_instance(size: ReplicaSize, room: ReplicaSize, max_per_instance: int | None) -> int:
    """Return how many replicas of the size an instance with the room takes; 1 at most where nothing limits it."""
    limits = [] if max_per_instance is None else [max_per_instance]
    for need, there in ((size.cpus, room.cpus), (size.memory_mib, room.memory_mib), (size.gpus, room.gpus)):
        if need > 0:
            limits.append(math.floor(there / need + 1e-9))
    return max(0, min(limits, default=1))


def plan_packing(
    fleet: Sequence[PackInstance],
    rule: PackRule,
    *,
    replicas: int,
    instances: int | None = None,
    unneeded_s: float = math.inf,
) -> tuple[PackAction, ...]:
    """Return what to do now so that the fleet comes to the wanted numbers; () when there is nothing to do.

    `instances` None: as many as the replicas need; then an instance that they do not need is left once they have not
    needed it for `unneeded_s` >= break_even_s. Applied again and again to what it leads to, it comes to an end.
    """
    board = _Board.of(fleet, rule)
    _drain_the_doomed(board)
    _end_moves(board)
    wanted = _wanted_instances(board, replicas, instances, unneeded_s)
    leaving = _leaving(board, max(0, len(board.slots) - wanted))
    surplus = board.live - replicas
    if surplus > 0:
        _drain_surplus(board, surplus, leaving)
    _start_missing(board, -surplus, leaving)
    _buy(board, wanted, replicas)
    _move(board, leaving)
    _release_empty(board, leaving)
    return tuple(board.actions)


@dataclass(slots=True, eq=False)
class _Slot:
    """An instance while the plan is made."""

    instance: PackInstance
    capacity: int
    taken: int  # replicas that hold room: all but those over
    kept: list[PackReplica]  # those neither draining nor planned to

    @property
    def free(self) -> int:
        return self.capacity - self.taken


@dataclass(slots=True, eq=False)
class _Board:
    """The fleet while the plan is made, and the actions so far."""

    rule: PackRule
    slots: list[_Slot]
    going: list[PackInstance]
    moving: dict[ReplicaId, PackReplica]  # replica that is being replaced -> its successor
    spare_ready: int  # ready replicas that may be drained without going below the minimum
    actions: list[PackAction] = field(default_factory=list)

    @classmethod
    def of(cls, fleet: Sequence[PackInstance], rule: PackRule) -> _Board:
        slots = [_slot(i, rule) for i in fleet if i.standing is not Standing.GOING]
        kept = [replica for slot in slots for replica in slot.kept]
        known = {replica.id for replica in kept}
        return cls(
            rule=rule,
            slots=slots,
            going=[i for i in fleet if i.standing is Standing.GOING],
            moving={r.replaces: r for r in kept if r.replaces is not None and r.replaces in known},
            spare_ready=sum(replica.is_ready for replica in kept) - rule.min_ready,
        )

    @property
    def live(self) -> int:
        """How many replicas count: a pair that moves counts once."""
        return sum(len(slot.kept) for slot in self.slots) - len(self.moving)

    def drain(self, slot: _Slot, replica: PackReplica, reason: str) -> bool:
        """Plan to drain the replica unless that would go below the minimum."""
        if replica.is_ready:
            if self.spare_ready <= 0:
                return False
            self.spare_ready -= 1
        slot.kept.remove(replica)
        self.moving.pop(replica.id, None)
        for old in [old for old, new in self.moving.items() if new.id == replica.id]:
            del self.moving[old]
        self.actions.append(DrainReplica(instance_id=slot.instance.id, replica_id=replica.id, reason=reason))
        return True

    def start(self, slot: _Slot, reason: str, replaces: ReplicaId | None = None) -> None:
        """Plan to start a replica on the slot."""
        slot.taken += 1
        self.actions.append(StartReplica(instance_id=slot.instance.id, reason=reason, replaces=replaces))


def _slot(instance: PackInstance, rule: PackRule) -> _Slot:
    kept = [replica for replica in instance.replicas if not replica.is_draining]
    capacity = fits_per_instance(rule.size, instance.room, rule.max_per_instance)
    return _Slot(instance=instance, capacity=capacity, taken=len(instance.replicas), kept=kept)


def _drain_the_doomed(board: _Board) -> None:
    for instance in board.going:
        for replica in instance.replicas:
            if not replica.is_draining:
                reason = f"its instance {instance.id} is going away"
                board.actions.append(DrainReplica(instance_id=instance.id, replica_id=replica.id, reason=reason))


def _end_moves(board: _Board) -> None:
    if not board.moving:
        return
    for slot in board.slots:
        for replica in list(slot.kept):
            successor = board.moving.get(replica.id)
            if successor is not None and successor.is_ready:
                board.drain(slot, replica, f"its successor {successor.id} is ready")


def _wanted_instances(board: _Board, replicas: int, instances: int | None, unneeded_s: float) -> int:
    """Return how many instances to have; where the caller leaves it open, as few as pay."""
    held = len(board.slots)
    needed = _needed(board, replicas)
    if instances is not None:
        return max(instances, min(held, needed))  # replicas that fit on no fewer keep what there is
    if needed >= held or unneeded_s >= board.rule.break_even_s:
        return needed
    return held


def _needed(board: _Board, replicas: int) -> int:
    """Return how many instances the replicas need: the roomiest first, then more of the same."""
    left = replicas
    capacities = sorted((slot.capacity for slot in board.slots), reverse=True)
    for count, capacity in enumerate(capacities):
        if left <= 0:
            return count
        left -= capacity
    if left <= 0:
        return len(capacities)
    each = capacities[0] if capacities and capacities[0] > 0 else max(1, board.rule.max_per_instance or 1)
    return len(capacities) + math.ceil(left / each)


def _leaving(board: _Board, count: int) -> list[_Slot]:
    """Return the instances to give back: stand-ins, those that start, the emptiest, the riskiest, the dearest first."""
    if count == 0:
        return []
    return sorted(board.slots, key=_leaves_first)[:count]


def _leaves_first(slot: _Slot) -> tuple[bool, bool, bool, int, float, float, str]:
    it = slot.instance
    ready = sum(replica.is_ready for replica in slot.kept)
    return (
        not it.leaves_early,
        not it.is_stand_in,
        it.standing is Standing.READY,
        ready,
        -it.interruptions_per_hour,
        -it.price_usd_per_hour,
        it.id,
    )


def _drain_surplus(board: _Board, surplus: int, leaving: list[_Slot]) -> None:
    """Drain what is too much: from instances to leave, not ready ones, then from the emptiest instance."""
    gone = {id(slot) for slot in leaving}
    order = sorted(board.slots, key=lambda s: (id(s) not in gone, len(s.kept), s.instance.id))
    candidates = [(slot, replica) for slot in order for replica in slot.kept if replica.id not in board.moving]
    candidates.sort(key=lambda pair: (id(pair[0]) not in gone, pair[1].is_ready))
    for slot, replica in candidates:
        if surplus == 0:
            return
        if board.drain(slot, replica, f"{surplus} more than wanted"):
            surplus -= 1


def _start_missing(board: _Board, missing: int, leaving: list[_Slot]) -> None:
    if missing <= 0:
        return
    for slot in _by_preference(board, leaving):
        while missing > 0 and slot.free > 0:
            board.start(slot, f"{missing} fewer than wanted; {slot.instance.id} is the fullest with room")
            missing -= 1


def _by_preference(board: _Board, leaving: list[_Slot]) -> list[_Slot]:
    """Return the instances that may take a replica: ready first, fullest first, the least risky first."""
    gone = {id(slot) for slot in leaving}
    open_ = [slot for slot in board.slots if slot.free > 0 and id(slot) not in gone]
    return sorted(open_, key=_takes_first)


def _takes_first(slot: _Slot) -> tuple[bool, int, float, str]:
    it = slot.instance
    return (it.standing is not Standing.READY, -slot.taken, it.interruptions_per_hour, it.id)


def _buy(board: _Board, wanted: int, replicas: int) -> None:
    early = sum(slot.instance.leaves_early for slot in board.slots)
    missing = wanted + early - len(board.slots)
    if missing > 0:
        reason = f"{len(board.slots)} instances where {wanted} are wanted for {replicas} replicas"
        reason += f", and {early} to be replaced early" if early else ""
        board.actions.append(BuyInstances(count=missing, reason=reason))


def _move(board: _Board, leaving: list[_Slot]) -> None:
    """Start successors, on instances that stay and are ready, of what still runs on those to leave."""
    budget = board.rule.max_moves - len(board.moving)
    if budget <= 0 or not leaving:
        return
    stay = [slot for slot in _by_preference(board, leaving) if slot.instance.standing is Standing.READY]
    for slot in leaving:
        for replica in slot.kept:
            while stay and stay[0].free <= 0:
                stay.pop(0)
            if not stay or budget <= 0:
                return
            if replica.id in board.moving or replica.replaces in board.moving:
                continue
            board.start(stay[0], f"moves off {slot.instance.id}, which is to be given back", replaces=replica.id)
            budget -= 1


def _release_empty(board: _Board, leaving: Iterable[_Slot]) -> None:
    for slot in leaving:
        if slot.taken == 0:
            board.actions.append(ReleaseInstance(instance_id=slot.instance.id, reason="empty and not wanted any more"))
    for instance in board.going:
        if not instance.replicas:
            board.actions.append(ReleaseInstance(instance_id=instance.id, reason="going away, and empty"))
