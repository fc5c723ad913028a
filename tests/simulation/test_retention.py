"""The loop that frees: a stream stays small, and what is kept can be restored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from kyc.adapters.fake.stream import FakeStreamHost
from kyc.control.retention import EVERY_S, Retention
from kyc.domain.event import EventKind
from kyc.domain.ids import WorkloadName
from kyc.domain.job import Job, JobState
from kyc.domain.move import StreamMove
from kyc.domain.workload import JobSpec
from kyc.planning.retention import Retention as Kept
from kyc.snapshot.history import list_snapshots, verify_all
from kyc.snapshot.maintain import Maintainer
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.workload import WorkloadFiles
from tests.simulation.world import Master, World

KEY = bytes(range(32))
NAME = WorkloadName("train")


async def test_what_is_old_is_freed_while_the_work_goes_on_and_once_more_at_its_end(tmp_path: Path) -> None:
    world = World()
    host = FakeStreamHost()
    await host.ensure()
    context = replace(Master(world).context, stream_host=host)
    sealed = context.secrets.seal(KEY, purpose=f"workload {NAME}")
    clock, store = world.clock, world.store
    job = Job(
        name=NAME,
        spec=JobSpec(name=NAME, run="work"),
        state=JobState.RUNNING,
        requested_at=clock.now(),
        sealed_key=sealed,
        last_snapshot_at=clock.now(),
    )
    await store.save(job)
    stream = await host.stream()
    await stream.create(NAME)
    (tmp_path / "files").mkdir()
    files = WorkloadFiles(name=NAME, root=tmp_path / "files", key=KEY)
    replicator = Replicator(files, await stream.open_writer(NAME, 1), clock=clock)
    sizes = []

    async def snapshots(count: int) -> None:
        for number in range(count):
            (files.root / "data").write_bytes(bytes([number]) * 100_000 + b"%d" % len(sizes))
            sizes.append(number)
            await replicator.flush()

    loop = Retention(context, Maintainer(tmp_path / "moves", Kept(last=3, tiers=())))
    await snapshots(8)
    await loop.tick()  # not yet: it was looked at just now
    assert len(host.shelf.place(NAME).manifests) == 8
    await clock.advance(EVERY_S)
    await loop.tick()
    assert len(host.shelf.place(NAME).manifests) == 3
    await snapshots(4)
    await loop.tick()
    assert len(host.shelf.place(NAME).manifests) == 7
    stored = cast(Job, await store.job(NAME))
    moving = replace(stored, move=StreamMove(to="elsewhere", since=clock.now()))
    await store.save(moving)
    await clock.advance(EVERY_S)
    await loop.tick()
    assert len(host.shelf.place(NAME).manifests) == 7  # a copy reads them
    over = replace(cast(Job, await store.job(NAME)), move=None, state=JobState.SUCCEEDED)
    await store.save(over)
    await loop.tick()
    assert len(host.shelf.place(NAME).manifests) == 3
    assert len(host.shelf.place(NAME).chunks) == 3
    reader = await stream.open_reader(NAME)
    kept = [one.sequence for one in await list_snapshots(reader, KEY, NAME)]
    assert all(found.is_whole for found in await verify_all(reader, KEY, NAME, kept))
    freed = await world.events(EventKind.SNAPSHOT_FREED)
    assert [event.data["snapshots"] for event in freed] == [5, 4]
    replicator.close()
