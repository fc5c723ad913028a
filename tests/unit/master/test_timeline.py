"""The events in memory tell what the database would."""

from __future__ import annotations

import random

from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.fake.store import FakeStore
from kyc.control.signal import Signal
from kyc.domain.event import Event, EventKind
from kyc.master.timeline import Timeline
from kyc.ports.store import EventFilter

KINDS = (EventKind.JOB_QUEUED, EventKind.JOB_STARTED, EventKind.INSTANCE_READY)


async def test_whatever_is_asked_for_the_answer_is_the_databases_own() -> None:
    rng, store, signal, clock = random.Random(3), FakeStore(), Signal(), FakeClock()
    timeline = Timeline(store, signal, clock)
    written = 0
    for turn in range(200):
        many = [
            Event(kind=rng.choice(KINDS), subject=rng.choice("ab"), at=clock.now(), data={})
            for _ in range(rng.choice([0, 1, 3, 700 if turn % 40 == 0 else 2]))
        ]
        if many:
            await store.save(events=many)
            signal.notify()
            written += len(many)
        wanted = EventFilter(
            kinds=rng.choice([None, frozenset(rng.sample(KINDS, 1))]), subject=rng.choice([None, "a", "c"])
        )
        seq, limit = rng.randrange(max(1, written)), rng.choice([1, 5, 500])
        found, upto = await timeline.events_after(seq, limit=limit, wanted=wanted)
        assert found == await store.events_after(seq, limit=limit, wanted=wanted)
        assert upto == (found[-1].seq if len(found) == limit else written)


async def test_what_another_master_wrote_is_seen_without_a_hint() -> None:
    store, clock = FakeStore(), FakeClock()
    timeline = Timeline(store, Signal(), clock)
    assert await timeline.events_after(0, limit=9, wanted=EventFilter()) == ([], 0)
    await store.save(events=[Event(kind=KINDS[0], subject="a", at=clock.now(), data={})])
    await clock.advance(1.1)
    assert len((await timeline.events_after(0, limit=9, wanted=EventFilter()))[0]) == 1
