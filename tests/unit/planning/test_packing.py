"""Packing: no instance holds more than it can, the minimum stays ready, and every plan comes to an end."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.domain.ids import InstanceId, ReplicaId
from kyc.domain.service import ReplicaSize
from kyc.planning.packing import (
    BuyInstances,
    DrainReplica,
    PackInstance,
    PackReplica,
    PackRule,
    ReleaseInstance,
    Standing,
    StartReplica,
    fits_per_instance,
    plan_packing,
)


@dataclass
class Copy:
    """A replica in the test's world; ready after `wait` rounds, over `drain` rounds after its drain began."""

    wait: int
    replaces: str | None = None
    drain: int | None = None


@dataclass
class Box:
    """An instance in the test's world."""

    standing: Standing = Standing.READY
    copies: dict[str, Copy] = field(default_factory=dict)
    wait: int = 0


class Fleet:
    """A world that does what it is told, one round a tick, and checks the promises at each step."""

    def __init__(self, layout: list[int], *, capacity: int, min_ready: int) -> None:
        self.rule = PackRule(max_per_instance=capacity, min_ready=min_ready)
        self.number = 0
        self.boxes: dict[str, Box] = {}
        for count in layout:
            box = self.add(Box())
            for _ in range(count):
                self.put(box, Copy(wait=0))

    def add(self, box: Box) -> Box:
        self.number += 1
        self.boxes[f"i-{self.number:03}"] = box
        return box

    def put(self, box: Box, copy: Copy) -> None:
        self.number += 1
        box.copies[f"r-{self.number:03}"] = copy

    def ready(self) -> int:
        return sum(c.wait == 0 and c.drain is None for box in self.boxes.values() for c in box.copies.values())

    def view(self) -> list[PackInstance]:
        return [
            PackInstance(
                id=InstanceId(name),
                standing=box.standing,
                room=ReplicaSize(),
                replicas=tuple(
                    PackReplica(
                        id=ReplicaId(rid),
                        is_ready=c.wait == 0,
                        is_draining=c.drain is not None,
                        replaces=None if c.replaces is None else ReplicaId(c.replaces),
                    )
                    for rid, c in box.copies.items()
                ),
            )
            for name, box in self.boxes.items()
        ]

    def tick(self, replicas: int, instances: int | None) -> bool:
        before = self.ready()
        actions = plan_packing(self.view(), self.rule, replicas=replicas, instances=instances)
        for action in actions:
            self.apply(action)
        doomed = any(box.standing is Standing.GOING for box in self.boxes.values())
        assert doomed or self.ready() >= min(before, self.rule.min_ready)
        for box in self.boxes.values():
            assert len(box.copies) <= (self.rule.max_per_instance or 1)
        self.let_time_pass()
        return bool(actions)

    def apply(self, action) -> None:
        assert action.reason
        match action:
            case StartReplica(instance_id=where, replaces=old):
                self.put(self.boxes[where], Copy(wait=2, replaces=old))
            case DrainReplica(instance_id=where, replica_id=which):
                copy = self.boxes[where].copies[which]
                assert copy.drain is None
                copy.drain = 1
            case BuyInstances(count=count):
                for _ in range(count):
                    self.add(Box(standing=Standing.COMING, wait=3))
            case ReleaseInstance(instance_id=where):
                assert not self.boxes[where].copies
                del self.boxes[where]

    def let_time_pass(self) -> None:
        for box in self.boxes.values():
            box.wait = max(0, box.wait - 1)
            if box.standing is Standing.COMING and box.wait == 0:
                box.standing = Standing.READY
            for rid, copy in list(box.copies.items()):
                copy.wait = max(0, copy.wait - 1) if box.standing is not Standing.COMING else copy.wait
                if copy.drain is not None:
                    copy.drain -= 1
                    if copy.drain < 0:
                        del box.copies[rid]

    def is_moving(self) -> bool:
        return any(
            box.wait or any(copy.wait or copy.drain is not None for copy in box.copies.values())
            for box in self.boxes.values()
        )

    def settle(self, replicas: int, instances: int | None) -> int:
        """Tick until nothing happens any more; return how many ticks it took."""
        for ticks in range(200):
            moving = self.is_moving()
            if not self.tick(replicas, instances) and not moving:
                return ticks
        raise AssertionError("the plans do not come to an end")


layouts = st.lists(st.integers(0, 4), max_size=8)


@given(layouts, st.integers(0, 24), st.one_of(st.none(), st.integers(0, 4)), st.integers(0, 6))
@settings(max_examples=100)
def test_plans_come_to_an_end_with_what_was_wanted(layout, replicas, spare, min_ready):
    fleet = Fleet(layout, capacity=4, min_ready=min(min_ready, replicas))
    needed = -(-replicas // 4)
    fleet.settle(replicas, None if spare is None else needed + spare)
    assert fleet.ready() == replicas
    assert len(fleet.boxes) == needed + (spare or 0)


@given(layouts, st.integers(1, 24), st.sets(st.integers(0, 7), max_size=4))
@settings(max_examples=50)
def test_noticed_instances_are_drained_and_replaced(layout, replicas, noticed):
    fleet = Fleet(layout, capacity=4, min_ready=1)
    for index, box in enumerate(fleet.boxes.values()):
        if index in noticed:
            box.standing = Standing.GOING
    fleet.settle(replicas, None)
    assert fleet.ready() == replicas
    assert all(box.standing is Standing.READY for box in fleet.boxes.values())


def test_replicas_move_off_the_emptiest_and_the_successor_comes_first():
    fleet = Fleet([3, 1, 3], capacity=4, min_ready=7)
    first = plan_packing(fleet.view(), fleet.rule, replicas=7, instances=2)
    assert [type(action) for action in first] == [StartReplica]
    assert first[0].replaces == "r-006"
    assert "i-005" in first[0].reason
    fleet.settle(7, 2)
    assert sorted(len(box.copies) for box in fleet.boxes.values()) == [3, 4]


def test_no_more_moves_at_once_than_allowed():
    fleet = Fleet([4, 4, 4, 4, 4, 4], capacity=8, min_ready=24)
    starts = plan_packing(fleet.view(), fleet.rule, replicas=24, instances=3)
    assert len(starts) == fleet.rule.max_moves
    assert fleet.settle(24, 3) > 3


def test_an_instance_is_left_only_once_that_pays():
    fleet = Fleet([3, 1], capacity=4, min_ready=1)
    assert plan_packing(fleet.view(), fleet.rule, replicas=4, unneeded_s=30) == ()
    assert plan_packing(fleet.view(), fleet.rule, replicas=4, unneeded_s=60) != ()


def test_a_surplus_never_takes_the_last_ready_ones():
    replicas = tuple(PackReplica(id=ReplicaId(f"r-{n}"), is_ready=n < 2) for n in range(4))
    fleet = [PackInstance(id=InstanceId("i-1"), standing=Standing.READY, room=ReplicaSize(), replicas=replicas)]
    actions = plan_packing(fleet, PackRule(max_per_instance=4, min_ready=2), replicas=1, instances=1)
    assert {action.replica_id for action in actions if isinstance(action, DrainReplica)} == {"r-2", "r-3"}


def test_the_riskiest_then_the_dearest_of_equals_is_left_first():
    def one(name: str, rate: float, price: float) -> PackInstance:
        return PackInstance(
            id=InstanceId(name),
            standing=Standing.READY,
            room=ReplicaSize(),
            interruptions_per_hour=rate,
            price_usd_per_hour=price,
        )

    fleet = [one("a", 0.1, 1), one("b", 0.3, 1), one("c", 0.3, 2)]
    actions = plan_packing(fleet, PackRule(max_per_instance=4), replicas=4, instances=1)
    assert [a.instance_id for a in actions if isinstance(a, ReleaseInstance)] == ["c", "b"]


def test_one_that_leaves_early_serves_until_another_one_is_ready_in_its_place():
    def one(name: str, ready: int, *, early: bool = False, standing: Standing = Standing.READY) -> PackInstance:
        copies = tuple(PackReplica(id=ReplicaId(f"{name}-{n}"), is_ready=True) for n in range(ready))
        return PackInstance(
            id=InstanceId(name), standing=standing, room=ReplicaSize(), replicas=copies, leaves_early=early
        )

    rule = PackRule(max_per_instance=2, min_ready=4)
    old, other = one("a", 2, early=True), one("b", 2)
    [buy] = plan_packing([old, other], rule, replicas=4, instances=2)
    assert isinstance(buy, BuyInstances)
    assert (buy.count, "1 to be replaced early" in buy.reason) == (1, True)
    assert plan_packing([old, other, one("c", 0, standing=Standing.COMING)], rule, replicas=4, instances=2) == ()
    moves = plan_packing([old, other, one("c", 0)], rule, replicas=4, instances=2)
    assert [(m.instance_id, m.replaces) for m in moves if isinstance(m, StartReplica)] == [("c", "a-0"), ("c", "a-1")]
    assert len(moves) == 2
    gone = plan_packing([one("a", 0, early=True), other, one("c", 2)], rule, replicas=4, instances=2)
    assert gone == (ReleaseInstance(instance_id=InstanceId("a"), reason="empty and not wanted any more"),)


@pytest.mark.parametrize(
    ("size", "most", "fits"),
    [
        (ReplicaSize(cpus=0.5), None, 4),
        (ReplicaSize(cpus=0.5, memory_mib=1500), None, 2),
        (ReplicaSize(cpus=0.5, gpus=1), None, 1),
        (ReplicaSize(cpus=0.5), 3, 3),
        (ReplicaSize(cpus=4), 3, 0),
        (ReplicaSize(), None, 1),
        (ReplicaSize(), 3, 3),
    ],
)
def test_cpu_memory_gpu_and_the_maximum_limit_an_instance(size, most, fits):
    assert fits_per_instance(size, ReplicaSize(cpus=2, memory_mib=4096, gpus=1), most) == fits


def test_five_hundred_replicas_are_planned_in_no_time():
    fleet = Fleet([5] * 100, capacity=8, min_ready=100)
    seen, times = fleet.view(), []
    for _ in range(5):
        started = time.perf_counter()
        assert plan_packing(seen, fleet.rule, replicas=450, instances=60)
        times.append(time.perf_counter() - started)
    assert statistics.median(times) < 0.1
