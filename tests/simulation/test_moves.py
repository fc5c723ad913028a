"""Moves to another stream that are called off, fail, or arrive damaged, over the real control loops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from kyc.control.move import Moves
from kyc.domain.errors import OutOfSpaceError
from kyc.domain.event import EventKind
from kyc.domain.finding import Finding
from kyc.domain.job import Job, JobState
from kyc.domain.snapshot import StreamAccess
from kyc.ports.maintenance import Copied, Place
from tests.simulation.world import Master, SimStreamHost, World, spec

HERE, THERE = SimStreamHost.identity, "there://"


class Book:
    """Every stream is the same one."""

    def __init__(self, stream: SimStreamHost) -> None:
        self._stream = stream

    def identity_of(self, url: str) -> str:
        return url

    def look_up(self, url: str, token: str) -> StreamAccess:
        return StreamAccess(url=url, workload="", token=token)

    def remember(self, url: str, token: str) -> None:
        return

    async def at(self, identity: str) -> SimStreamHost:
        return self._stream


class Maintenance:
    """Copies in no time; `meanwhile` happens during the next copy, `lost` is what reading it back misses."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.copies = 0
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self.is_full = False

    async def copy(self, source: Place, target: Place, **_: object) -> Copied:
        self.copies += 1
        if self.is_full:
            raise OutOfSpaceError("the disk is full")
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        return Copied(snapshots=1, sent_bytes=1, skipped=())

    async def sift(self, target: Place, **_: object) -> list[str]:
        lost, self.lost = self.lost, []
        return lost


async def _fit(_: StreamAccess) -> Sequence[Finding]:
    return []


def _moves(world: World, master: Master) -> tuple[Moves, Maintenance]:
    maintenance = Maintenance()
    return Moves(master.context, Book(world.stream), maintenance, _fit), maintenance  # type: ignore[arg-type]


async def _go(world: World, moves: Moves, seconds: float) -> None:
    for _ in range(round(seconds)):
        await moves.tick()
        await world.run_for(1)


async def _begun(world: World, master: Master) -> Job:
    job = await master.intents.submit_job(spec())
    await world.run_for(8)
    return job


async def test_a_move_that_waits_for_a_full_disk_is_called_off_and_the_work_never_rests() -> None:
    world = World(steps_of_work=40)
    async with world.running() as master:
        moves, maintenance = _moves(world, master)
        job = await _begun(world, master)
        maintenance.is_full = True
        await moves.ask(THERE, "", [job.name])
        await _go(world, moves, 3)
        move = (await world.job(job.name)).move
        assert move is not None
        assert move.error == "the disk is full"
        await moves.ask(HERE, "", [job.name])
        maintenance.is_full = False
        await _go(world, moves, 30)
        job = await world.run_until_over(job.name)
        assert (job.state, job.stream, job.move, job.attempts) == (JobState.SUCCEEDED, HERE, None, 1)
        assert len(await world.events(EventKind.STREAM_STAYED)) == 1
        assert not await world.events(EventKind.STREAM_MOVED)


async def test_a_move_that_is_called_off_during_its_last_copy_does_not_arrive() -> None:
    world = World(steps_of_work=40)
    async with world.running() as master:
        moves, maintenance = _moves(world, master)
        job = await _begun(world, master)
        await moves.ask(THERE, "", [job.name])
        await moves.tick()
        await world.run_for(6)
        held = await world.job(job.name)
        assert held.move is not None
        assert held.move.holds
        assert held.state is JobState.QUEUED

        async def call_off_and_work() -> None:
            await moves.ask(HERE, "", [job.name])
            await world.run_for(8)

        maintenance.meanwhile = call_off_and_work
        await moves.tick()
        assert (await world.job(job.name)).stream == HERE, "what was written since would be lost"
        assert (await world.run_until_over(job.name)).state is JobState.SUCCEEDED
        assert not await world.events(EventKind.STREAM_MOVED)


async def test_a_move_to_elsewhere_takes_the_place_of_the_one_before() -> None:
    world = World(steps_of_work=60)
    async with world.running() as master:
        moves, maintenance = _moves(world, master)
        job = await _begun(world, master)
        await moves.ask(THERE, "", [job.name])
        maintenance.meanwhile = lambda: moves.ask("elsewhere://", "", [job.name])
        await _go(world, moves, 20)
        job = await world.run_until_over(job.name)
        assert (job.state, job.stream) == (JobState.SUCCEEDED, "elsewhere://")
        (moved,) = await world.events(EventKind.STREAM_MOVED)
        assert moved.data["target"] == "elsewhere://"


async def test_a_copy_that_is_not_whole_is_made_anew() -> None:
    world = World(steps_of_work=40)
    async with world.running() as master:
        moves, maintenance = _moves(world, master)
        job = await _begun(world, master)
        maintenance.lost = ["snapshot 1: a: chunk 7 is not in the stream"]
        await moves.ask(THERE, "", [job.name])
        await _go(world, moves, 60)
        (trouble,) = await world.events(EventKind.STREAM_TROUBLED)
        assert "chunk 7 is not in the stream" in trouble.reason
        assert (await world.run_until_over(job.name)).stream == THERE


async def test_a_move_that_fails_rests_longer_each_time_and_not_at_all_when_asked_again() -> None:
    world = World(steps_of_work=400)
    async with world.running() as master:
        moves, maintenance = _moves(world, master)
        job = await _begun(world, master)
        maintenance.is_full = True
        await moves.ask(THERE, "", [job.name])
        await _go(world, moves, 120)
        assert maintenance.copies == 4, "at 0, 15, 45 and 105 s"
        await moves.ask(THERE, "", [job.name])
        await moves.tick()
        assert maintenance.copies == 5
