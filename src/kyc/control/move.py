"""The loop that moves workloads from one stream to another, and what people ask of it.

A move is stored with its job, so a master that was killed goes on with it. Everything is copied first while the work
goes on; then the work is flushed and rests, the difference follows, all of it is read back, and the job says where it
lies now. If anything fails on the way the work goes on where it was, and the move is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from kyc.control.context import Context, write_fresh
from kyc.domain.errors import ConflictError, DamagedDataError, KycError, NotFoundError
from kyc.domain.event import Event, EventKind
from kyc.domain.finding import Finding, Verdict
from kyc.domain.ids import WorkloadName
from kyc.domain.job import Job
from kyc.domain.move import StreamMove
from kyc.domain.snapshot import StreamAccess
from kyc.ports.maintenance import Copied, Maintenance, Place
from kyc.ports.stream import StreamBook

log = logging.getLogger(__name__)

Check = Callable[[StreamAccess], Awaitable[Sequence[Finding]]]
AGAIN_AFTER, LATEST_AGAIN = timedelta(seconds=15), timedelta(minutes=2)  # doubled at each failure


@dataclass(slots=True, kw_only=True)
class Headway:
    """How far a copy has come, for people: kept in memory, for it is worth nothing later."""

    snapshots: int = 0
    copied_bytes: int = 0
    total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Pause:
    """After so many failures in a row a move rests until then."""

    failures: int = 0
    until_s: float = 0


@dataclass(slots=True)
class Moves:
    """Moves workloads; `check` says whether a stream can be relied on."""

    context: Context
    book: StreamBook
    maintenance: Maintenance
    check: Check
    headway: dict[WorkloadName, Headway] = field(default_factory=dict)
    _pauses: dict[WorkloadName, _Pause] = field(default_factory=dict)

    async def ask(self, url: str, token: str, names: Sequence[WorkloadName]) -> list[Job]:
        """Have these workloads (none named: all) moved; one that lies there stays, and a move of it is called off.

        Raise NotFoundError for a name, ConflictError for a stream that is not fit for those that would move.
        """
        known = {job.name: job for job in await self.context.store.jobs()}
        for name in names:
            if name not in known:
                raise NotFoundError(f"no workload is called {name!r}", next_step="`kyc ps` lists them.")
        wanted, to = names or list(known), self.book.identity_of(url)
        if any(self.lies_in(known[name]) != to for name in wanted):
            await self._require_fit(url, token)
            self.book.remember(url, token)
        asked = [await write_fresh(lambda n=name: self._ask(n, to)) for name in wanted]  # type: ignore[misc]
        self.context.signal.notify()
        return asked

    async def _require_fit(self, url: str, token: str) -> None:
        access = self.book.look_up(url, token)
        findings = [] if access is None else await self.check(access)
        bad = [finding for finding in findings if finding.verdict is Verdict.BAD]
        if bad:
            raise ConflictError(
                f"the stream cannot be relied on: {bad[0].text}",
                next_step=bad[0].next_step or "`kyc stream check` says more.",
            )

    async def _ask(self, name: WorkloadName, to: str) -> Job:
        self._pauses.pop(name, None)  # who asks again has mended something
        job = await self._job(name)
        if (self.lies_in(job) if job.move is None else job.move.to) == to:
            return job
        source = self.lies_in(job)
        if source == to:
            move = None
            event = self._event(EventKind.STREAM_STAYED, job, "the move was called off", source=source)
        else:
            move = StreamMove(to=to, since=self.context.clock.now())
            event = self._event(EventKind.STREAM_MOVING, job, "asked for", source=source, target=to)
        await self.context.store.save(replace(job, move=move), events=[event])
        return replace(job, move=move, version=job.version + 1)

    @property
    def usual(self) -> str:
        """The stream that new jobs' snapshots go to."""
        return self.context.stream_host.identity

    def lies_in(self, job: Job) -> str:
        """Return the stream that the job's snapshots are in, or will be."""
        return job.stream or self.usual

    async def tick(self) -> None:
        """Take every move a step further."""
        for job in await self.context.store.jobs():
            pause = self._pauses.get(job.name, _Pause())
            if job.move is not None and pause.until_s <= self.context.clock.monotonic_s():
                await self._step(job.name, job.move)

    async def _step(self, name: WorkloadName, move: StreamMove) -> None:
        try:
            job = await self._job(name)
            if not _is_on(job, move):
                return
            if move.holds or job.is_over:
                if not await self.context.store.attempts(workload=name, live_only=True):
                    await self._finish(name, move)
            else:
                await self._copy(await self._grant(name), move, fence=False)
                await self._set(name, move, holds=True)
        except KycError as error:
            log.warning("move_failed", extra={"workload": name, "why": str(error)})
            await self._put_off(name, move, error)

    async def _finish(self, name: WorkloadName, move: StreamMove) -> None:
        """Nobody works on it now: bring the rest over, read everything back, and say where it lies."""
        job = await self._grant(name)
        copied = await self._copy(job, move, fence=job.attempts > 0)
        target = await self.book.at(move.to)
        try:
            flaws = await self.maintenance.sift(self._place(job, target), name=move.to) if copied.snapshots else []
        finally:
            await target.close()
        if flaws:
            raise DamagedDataError(
                f"the copy in {move.to} is not whole: {flaws[0]}",
                next_step="What is not whole is copied anew. If it stays so, look at that stream.",
            )
        took_s = round((self.context.clock.now() - move.since).total_seconds(), 3)
        event = self._event(
            EventKind.STREAM_MOVED,
            job,
            "every chunk was read back",
            source=self.lies_in(job),
            target=move.to,
            snapshots=copied.snapshots,
            skipped=[f"{number}: {why}" for number, why in copied.skipped],
            took_s=took_s,
        )
        await self._change(name, move, lambda job: replace(job, stream=move.to, move=None), event)
        self.headway.pop(name, None)
        self._pauses.pop(name, None)

    async def _copy(self, job: Job, move: StreamMove, *, fence: bool) -> Copied:
        source, target = await self.book.at(self.lies_in(job)), await self.book.at(move.to)
        try:
            if job.attempts == 0:  # it has no place yet
                await target.create(job.name)
                return Copied(snapshots=0, sent_bytes=0)
            if fence:
                await (await source.open_writer(job.name, job.epoch)).close()
            headway = self.headway.setdefault(job.name, Headway())

            def tell(done: int, total: int) -> None:
                headway.copied_bytes, headway.total_bytes = done, total

            copied = await self.maintenance.copy(
                self._place(job, source),
                self._place(job, target),
                name=move.to,
                epoch=job.epoch,
                on_copied=tell,
            )
            headway.snapshots = copied.snapshots
            return copied
        finally:
            await source.close()
            await target.close()

    def _place(self, job: Job, stream: object) -> Place:
        key = self.context.secrets.open(job.sealed_key, purpose=f"workload {job.name}")
        return Place(stream=stream, workload=job.name, key=key)  # type: ignore[arg-type]

    async def _grant(self, name: WorkloadName) -> Job:
        """Grant the next epoch to this copy: each opening of the target needs a higher one."""

        async def once() -> Job:
            job = await self._job(name)
            job = replace(job, epoch=job.epoch + 1)
            await self.context.store.save(job)
            return replace(job, version=job.version + 1)

        return await write_fresh(once)

    async def _put_off(self, name: WorkloadName, move: StreamMove, error: KycError) -> None:
        """Let the work go on where it was, say once what is the matter, and try again later."""
        before = self._pauses.get(name, _Pause()).failures
        wait = min(AGAIN_AFTER * 2 ** min(before, 10), LATEST_AGAIN)
        self._pauses[name] = _Pause(before + 1, self.context.clock.monotonic_s() + wait.total_seconds())
        event = self._event(EventKind.STREAM_TROUBLED, await self._job(name), str(error), next_step=error.next_step)
        events = () if move.error == str(error) else (event,)
        await self._set(name, move, *events, error=str(error))

    async def _set(
        self, name: WorkloadName, move: StreamMove, *events: Event, holds: bool = False, error: str = ""
    ) -> None:
        """Store how the move stands."""
        await self._change(name, move, lambda job: replace(job, move=replace(move, holds=holds, error=error)), *events)

    async def _change(self, name: WorkloadName, move: StreamMove, change: Callable[[Job], Job], *events: Event) -> None:
        """Store a step of the move, unless it was called off meanwhile, or another was asked for."""

        async def once() -> None:
            job = await self._job(name)
            if _is_on(job, move):
                await self.context.store.save(change(job), events=events)

        await write_fresh(once)
        self.context.signal.notify()

    async def _job(self, name: WorkloadName) -> Job:
        job = await self.context.store.job(name)
        if job is None:
            raise NotFoundError(f"no workload is called {name!r}", next_step="`kyc ps` lists them.")
        return job

    def _event(self, kind: EventKind, job: Job, reason: str, **data: object) -> Event:
        return Event(kind=kind, subject=job.name, at=self.context.clock.now(), data=data, reason=reason)


def _is_on(job: Job, move: StreamMove) -> bool:
    """Say whether this is the move that the job is on."""
    return job.move is not None and (job.move.to, job.move.since) == (move.to, move.since)
