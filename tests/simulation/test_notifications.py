"""Notifications arrive once each: over failures, restarts, two masters, and targets that do not answer."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from kyc.adapters.fake.catalog import FakeCatalog
from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.fake.cloud import FakeCloud
from kyc.adapters.fake.notifier import FakeNotifier
from kyc.adapters.fake.provisioner import FakeProvisioner
from kyc.adapters.fake.store import FakeStore
from kyc.control.context import Context
from kyc.control.notifications import Notifications
from kyc.domain.errors import NotFoundError, UnreachableError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import UserName
from kyc.domain.notification import Severity, Target, Topic
from kyc.planning.notification import FIRST_RETRY, KINDS, MOST_TRIES, SENDING_TAKES, kinds_of
from tests.simulation.world import SimSecrets, SimStreamHost


class Room:
    """A store, a clock that stands still unless told, and a master's notifications."""

    def __init__(self) -> None:
        self.clock, self.store, self.notifier = FakeClock(), FakeStore(), FakeNotifier()
        self.context = Context(
            store=self.store,
            clock=self.clock,
            rng=random.Random(1),
            clouds={"fake": FakeCloud(self.clock)},
            catalogs=[FakeCatalog()],
            provisioner=FakeProvisioner(self.clock, {}),
            stream_host=SimStreamHost(),  # type: ignore[arg-type]  # nobody opens a stream here
            secrets=SimSecrets(),
            master_url="http://master",
        )
        self.told = self.master()

    def master(self) -> Notifications:
        return Notifications(self.context, self.notifier)

    async def happens(self, kind: EventKind, subject: str = "train", **data: object) -> None:
        await self.store.save(events=[Event(kind=kind, subject=subject, at=self.clock.now(), data=data, reason="so")])

    async def passes(self, wait: timedelta) -> None:
        await self.clock.advance(wait.total_seconds())

    def titles(self, address: str = "fake://a") -> list[str]:
        return [title for to, title, _ in self.notifier.sent if to == address]

    async def target(self) -> Target:
        [target] = await self.told.targets()
        return target


@pytest.fixture
def room() -> Room:
    return Room()


async def test_each_event_once_and_only_of_the_topics_chosen(room: Room) -> None:
    await room.happens(EventKind.JOB_FAILED, "before")
    await room.told.add("a", "fake://a", [Topic.WORK])
    await room.happens(EventKind.JOB_SUCCEEDED, "one")
    await room.happens(EventKind.INSTANCE_LOST, "i-1")
    await room.happens(EventKind.JOB_FAILED, "two")
    for _ in range(3):
        await room.told.tick()
    assert room.titles() == ["one succeeded", "two failed"]
    assert (await room.target()).sent == 2


async def test_hints_and_progress_are_not_told(room: Room) -> None:
    await room.told.add("", "fake://a", [])
    await room.happens(EventKind.INSTANCE_NOTICED, "i-1", notice="rebalance")
    await room.happens(EventKind.JOB_PROGRESS)
    await room.happens(EventKind.SNAPSHOT_FLUSHED, missed=[])
    await room.happens(EventKind.SNAPSHOT_FLUSHED, missed=["big.bin"])
    await room.told.tick()
    assert room.titles() == ["train: not every file was saved in time"]


async def test_a_failure_is_tried_again_later_and_later(room: Room) -> None:
    await room.told.add("a", "fake://a", [])
    room.notifier.failures["fake://a"] = ["no route", "no route"]
    await room.happens(EventKind.JOB_FAILED)
    await room.told.tick()
    await room.told.tick()
    assert room.notifier.failures["fake://a"] == ["no route"], "not tried again at once"
    assert (await room.target()).failure == "no route"
    await room.passes(FIRST_RETRY)
    await room.told.tick()
    await room.passes(FIRST_RETRY)
    await room.told.tick()
    assert room.titles() == [], "the second wait is longer"
    await room.passes(FIRST_RETRY)
    await room.told.tick()
    assert room.titles() == ["train failed"]
    target = await room.target()
    assert (target.failure, target.tries, target.retry_at) == ("", 0, None)


async def test_what_never_arrives_is_given_up_told_and_does_not_stop_what_follows(room: Room) -> None:
    await room.told.add("a", "fake://a", [])
    await room.told.add("b", "fake://b", [])
    room.notifier.failures["fake://a"] = ["gone"] * MOST_TRIES
    await room.happens(EventKind.JOB_FAILED, "first")
    for _ in range(MOST_TRIES + 3):
        await room.told.tick()
        await room.passes(timedelta(hours=1))
    assert room.titles("fake://b") == ["first failed", "a does not answer"]
    assert room.titles("fake://a") == [], "its own failure is not told to itself"
    await room.happens(EventKind.JOB_FAILED, "second")
    await room.told.tick()
    assert room.titles("fake://a") == ["second failed"]


async def test_of_two_masters_one_sends(room: Room) -> None:
    await room.told.add("a", "fake://a", [])
    for number in range(20):
        await room.happens(EventKind.JOB_FAILED, f"job-{number}")
    masters = [room.master(), room.master(), room.master()]
    for _ in range(40):
        await asyncio.gather(*(master.tick() for master in masters))
    assert room.titles() == [f"job-{number} failed" for number in range(20)]


async def test_a_master_that_dies_while_it_sends_leaves_it_to_the_next(room: Room) -> None:
    await room.told.add("a", "fake://a", [])
    await room.happens(EventKind.JOB_FAILED)
    target = await room.target()
    await room.store.save(replace(target, sending_seq=1, sending_until=room.clock.now() + SENDING_TAKES))
    await room.told.tick()
    assert room.titles() == [], "somebody may still be at it"
    await room.passes(SENDING_TAKES)
    await room.told.tick()
    assert room.titles() == ["train failed"]


async def test_a_target_that_is_renamed_while_it_is_sent_to_gets_it_once(room: Room) -> None:
    await room.told.add("a", "fake://a", [])
    await room.happens(EventKind.JOB_FAILED)
    target = await room.target()
    send = room.notifier.send

    async def renaming(address: str, *, title: str, text: str, severity: Severity) -> None:
        await room.told.change(target.id, name="other", topics=None)
        await send(address, title=title, text=text, severity=severity)

    room.notifier.send = renaming  # type: ignore[method-assign]
    await room.told.tick()
    await room.told.tick()
    assert room.titles() == ["train failed"]
    assert ((await room.target()).name, (await room.target()).sent) == ("other", 1)


async def test_a_removed_target_gets_nothing_and_its_address_is_gone(room: Room) -> None:
    target = await room.told.add("a", "fake://a", [])
    await room.happens(EventKind.JOB_FAILED)
    await room.told.remove(target.id)
    await room.told.tick()
    assert room.titles() == []
    kept = await room.store.admin_record(Target, target.id)
    assert kept is not None
    assert kept.sealed_address == ""
    with pytest.raises(NotFoundError):
        await room.told.test(target.id)


async def test_a_test_says_what_the_service_says(room: Room) -> None:
    target = await room.told.add("a", "fake://a", [])
    await room.told.test(target.id)
    assert room.titles() == ["A test"]
    room.notifier.failures["fake://a"] = ["invalid token"]
    with pytest.raises(UnreachableError, match="invalid token"):
        await room.told.test(target.id)


async def test_each_user_reads_for_itself(room: Room) -> None:
    for number in range(3):
        await room.happens(EventKind.JOB_FAILED, f"job-{number}")
    ann, bob = UserName("ann"), UserName("bob")
    await room.told.mark_read(ann, 2)
    await room.told.mark_read(ann, 1)
    assert [found.subject for found in await room.told.unread(ann)] == ["job-2"]
    assert len(await room.told.unread(bob)) == 3
    await room.told.mark_read(ann, 10**9)
    await room.happens(EventKind.JOB_FAILED, "job-3")
    assert [found.subject for found in await room.told.unread(ann)] == ["job-3"], "not read before it was there"


def test_every_kind_has_a_topic_and_every_topic_a_kind() -> None:
    by_topic = [kinds_of([topic]) for topic in Topic]
    assert all(by_topic)
    assert sum(len(kinds) for kinds in by_topic) == len(KINDS)
