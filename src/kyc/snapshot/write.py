"""Verifying and writing what a restore fetches, in a few threads: creating many small files is the kernel's work."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from kyc.domain.snapshot import ChunkId
from kyc.snapshot.manifest import Head
from kyc.snapshot.plan import RestorePlan
from kyc.snapshot.seal import MAX_PLAIN_BYTES, Keyring, Sealer
from kyc.snapshot.target import Target, Use
from kyc.snapshot.thread import Worker
from kyc.snapshot.tree import minding_space

_BATCH_BYTES = 4 * 1024 * 1024  # so seldom that waking threads costs nothing beside the work
_MOST_LANES = 4

Fetched = tuple[ChunkId, bytes, list[Use]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a restore is. `bytes` of `total_bytes` are in place; `fetched_bytes` came over the network."""

    files: int
    total_files: int
    bytes: int
    total_bytes: int
    fetched_bytes: int


@dataclass(frozen=True, slots=True)
class _Lane:
    """One thread with all that it alone may touch."""

    worker: Worker
    target: Target
    sealer: Sealer


class Writers:
    """Writes chunks to a plan's files; `told` is called after each batch. At most one batch a thread is in memory.

    A chunk that can be opened is the one that was sealed under its name (`kyc.snapshot.seal`); that its content gives
    the name once more is left to `kyc verify`.
    """

    def __init__(self, plan: RestorePlan, keys: Keyring, head: Head, told: Callable[[Writers], None]) -> None:
        self.fetched_bytes = 0
        self._head = head
        self._plan = plan
        self._keys = keys
        self._told = told
        self._lanes: list[_Lane] = []
        self._free: list[_Lane] = []
        self._most = min(_MOST_LANES, os.cpu_count() or 1)
        self._writing: dict[asyncio.Task[None], _Lane] = {}
        self._batch: list[Fetched] = []
        self._batch_bytes = 0

    async def write(self, chunk: ChunkId, payload: bytes) -> None:
        """Take a chunk; waits while every thread is at work. Raises what an earlier one ended with."""
        self._batch.append((chunk, payload, self._plan.needed.pop(chunk)))
        self._batch_bytes += len(payload)
        if self._batch_bytes >= _BATCH_BYTES:
            await self._hand_over()

    async def finish(self) -> None:
        """Write the rest and wait for all of it."""
        if self._batch:
            await self._hand_over()
        while self._writing:
            await self._reap()

    async def close(self) -> None:
        """End the threads, after what they are doing."""
        if self._writing:
            await asyncio.wait(self._writing)
            await asyncio.gather(*self._writing, return_exceptions=True)
        for lane in self._lanes:
            await lane.worker.do(lane.target.close)
            lane.worker.close()

    def progress(self) -> Progress:
        """Say how far it is."""
        return Progress(
            files=self._plan.files - self._plan.jobs + sum(lane.target.files for lane in self._lanes),
            total_files=self._head.files,
            bytes=self._plan.bytes - self._plan.missing_bytes + sum(lane.target.bytes for lane in self._lanes),
            total_bytes=self._head.bytes,
            fetched_bytes=self.fetched_bytes,
        )

    async def _hand_over(self) -> None:
        while not self._free and len(self._lanes) >= self._most:
            await self._reap()
        batch, self._batch = self._batch, []
        size, self._batch_bytes = self._batch_bytes, 0
        lane = self._free.pop() if self._free else self._new_lane()
        self._writing[asyncio.create_task(self._run(lane, batch, size))] = lane

    def _new_lane(self) -> _Lane:
        lane = _Lane(Worker("kyc-restore"), self._plan.new_target(), Sealer(self._keys))
        self._lanes.append(lane)
        return lane

    async def _run(self, lane: _Lane, batch: list[Fetched], size: int) -> None:
        def write() -> None:
            with minding_space():
                for chunk, payload, uses in batch:
                    plain = lane.sealer.open_here(chunk, payload, limit=MAX_PLAIN_BYTES)
                    lane.target.write(chunk, plain, uses)

        await lane.worker.do(write)
        self.fetched_bytes += size

    async def _reap(self) -> None:
        done, _ = await asyncio.wait(self._writing, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            self._free.append(self._writing.pop(task))
            task.result()
        self._told(self)
