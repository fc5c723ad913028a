"""Writing one workload's snapshots to Kafka in one epoch.

Two fences hold together. The broker lets only the last producer that claimed the workload's transactional id commit
anything; and whoever has claimed it reads the log before writing, so that a writer finds a higher epoch there, and an
opener finds its epoch taken. A claim by somebody who then has no right to the log costs the rightful writer a claim of
its own, not its epoch. It first gives the other one time to write an epoch, so that two never chase each other away.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from kyc.adapters.kafka.cluster import Cluster
from kyc.adapters.kafka.lane import Lane
from kyc.adapters.kafka.layout import (
    EPOCH_KEY,
    INLINE_LIMIT_BYTES,
    Committed,
    LogRecord,
    Opened,
    Part,
    Place,
    check_size,
    chunk_key,
    encode_record,
    location_of,
    parts_of,
)
from kyc.adapters.kafka.ledger import Ledger, OvertakenError
from kyc.adapters.kafka.log import Log
from kyc.adapters.kafka.sender import DeliveryError
from kyc.adapters.kafka.trouble import is_worth_repeating
from kyc.domain.errors import FencedError, NotFoundError, UnreachableError
from kyc.domain.snapshot import ChunkId, ChunkRef

_GIVE_WAY_S = 1.0
_LOOK_S = 0.05
_REPEAT_S = 0.1


@dataclass(frozen=True, slots=True)
class _Unsure:
    """A commit of which we do not know whether it happened."""

    digest: bytes
    key: bytes


class KafkaWriter:
    """A StreamWriter on Kafka; `open_writer` makes one.

    What is acknowledged is in the page caches of all replicas in sync: it survives kill -9 of every broker, and the
    loss of a machine as far as the topic's replication goes.
    """

    def __init__(self, cluster: Cluster, place: Place, epoch: int, name: bytes) -> None:
        self.epoch = epoch
        self._cluster = cluster
        self._place = place
        self._record = Opened(epoch=epoch, writer=name)
        self._ledger = Ledger(cluster.address, place)
        self._lane = Lane("kyc-kafka-ledger")
        self._committing = asyncio.Lock()
        self._unsure: _Unsure | None = None
        self._seen: Opened | None = None  # the newest epoch, when we looked last
        self._numbers = 0
        self._abandoned: set[bytes] = set()  # keys of puts that may have left a copy nobody knows

    async def open(self) -> None:
        """Open the epoch; FencedError if it, or a higher one, is open already."""
        deadline = time.monotonic() + self._cluster.address.timeout_s
        while True:
            await self._look()  # before the claim, so that a loser disturbs nobody
            try:
                await self._lane.run(self._ledger.claim)
                await self._look()
                await self._append(EPOCH_KEY, self._record)
                self._seen = self._record
                return
            except OvertakenError as overtaken:
                await self._give_way(overtaken, deadline)

    async def put(self, chunk: ChunkId, payload: bytes) -> ChunkRef:
        """Store a copy under a key of its own; what fails in passing is sent again, for as long as the time-out."""
        check_size(chunk, payload)
        give_up_at: float | None = None
        while True:
            tag = self._next_tag()
            key = chunk_key(chunk, tag)
            try:
                offset = await self._cluster.send(self._place.chunk_topic, key, payload)
                return ChunkRef(id=chunk, stored_bytes=len(payload), location=location_of(offset, tag))
            except asyncio.CancelledError:
                self._abandoned.add(key)
                raise
            except DeliveryError as failed:
                self._abandoned.add(key)
                give_up_at = give_up_at or time.monotonic() + self._cluster.address.timeout_s
                if time.monotonic() > give_up_at or not is_worth_repeating(failed.error):
                    raise await self._cluster.why(failed, self._place) from failed
                await asyncio.sleep(_REPEAT_S)

    async def commit(self, payload: bytes) -> int:
        """Append the manifest in a transaction, once also if it is repeated after a lost acknowledgement."""
        digest = hashlib.blake2b(payload, digest_size=16).digest()
        deadline = time.monotonic() + self._cluster.address.timeout_s
        async with self._committing:
            await self._lane.run(partial(self._ledger.sign_in, self._cluster.address))
            while True:
                try:
                    done = await self._settle(digest)
                    if done is not None:
                        return done
                    await self._bury()
                    return await self._append_manifest(payload, digest)
                except OvertakenError as overtaken:
                    await self._give_way(overtaken, deadline)

    async def close(self) -> None:
        """Hang up; the epoch stays open until a higher one is."""
        await self._lane.close(self._ledger.release)

    async def _settle(self, digest: bytes) -> int | None:
        """Find out what became of a commit that ended unclear: return its sequence if it was this one and happened."""
        if self._ledger.is_claimed and self._unsure is None:
            return None
        log = await self._reclaim()
        unsure, self._unsure = self._unsure, None
        if unsure is None or unsure.digest != digest:
            return None
        return next((sequence for sequence, (key, _) in log.manifests.items() if key == unsure.key), None)

    async def _append_manifest(self, payload: bytes, digest: bytes) -> int:
        tag = self._next_tag()
        inline = len(payload) <= INLINE_LIMIT_BYTES
        record = Committed(epoch=self.epoch, size=len(payload), digest=digest, body=payload if inline else b"")
        pieces = [] if inline else [(f"p/{tag}/{n}".encode(), part) for n, part in enumerate(parts_of(payload))]
        self._unsure = _Unsure(digest, f"m/{tag}".encode())
        sequence = await self._append(self._unsure.key, record, pieces)
        self._unsure = None
        return sequence

    async def _append(self, key: bytes, record: LogRecord, pieces: Sequence[tuple[bytes, bytes]] = ()) -> int:
        """Append to the log, with the pieces of a large manifest, in one transaction; return its offset in the log."""
        try:
            offset = await self._lane.run(lambda: self._append_now(key, record, pieces))
        except UnreachableError as error:
            raise await self._cluster.explained(error, self._place) from error
        await self._cluster.visible(self._place, offset)
        return offset

    def _append_now(self, key: bytes, record: LogRecord, pieces: Sequence[tuple[bytes, bytes]]) -> int:
        ledger, place = self._ledger, self._place
        ledger.begin()
        if pieces:
            offsets = ledger.write(place.chunk_topic, pieces)
            parts = (Part(offset, name) for offset, (name, _) in zip(offsets, pieces, strict=True))
            record = replace(record, parts=tuple(parts))
        (offset,) = ledger.write(place.log_topic, [(key, encode_record(record))])
        ledger.commit()
        return offset

    async def _reclaim(self) -> Log:
        """Claim the log again after something went wrong, and return it; raise as `_check` does."""
        self._check(await self._cluster.log(self._place))  # before the claim, so that a loser disturbs nobody
        await self._lane.run(self._ledger.claim)
        log = await self._cluster.log(self._place)
        self._check(log)
        return log

    def _check(self, log: Log) -> None:
        """Raise FencedError if a higher epoch is open, NotFoundError if the log is not the one we opened."""
        if log.opened is None or log.opened.epoch < self.epoch:
            raise NotFoundError(
                f"the place of {self._place.workload} in the stream was deleted and made again under its writer",
                next_step="Stop this writer and open a new epoch.",
            )
        if log.opened != self._record:
            raise self._fenced(log.opened)

    async def _give_way(self, overtaken: OvertakenError, deadline: float) -> None:
        """Let whoever claimed the log write its epoch, if it has one to write; UnreachableError after `deadline`."""
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"others keep claiming the log of {self._place.workload}", next_step="It is tried again."
            ) from overtaken
        give_up_at = time.monotonic() + _GIVE_WAY_S
        while time.monotonic() < give_up_at:
            if (await self._cluster.log(self._place)).opened != self._seen:
                return
            await asyncio.sleep(_LOOK_S)

    async def _bury(self) -> None:
        """Have the copies removed that failed puts may have left."""
        keys = tuple(self._abandoned)
        await self._cluster.bury(self._place, keys)
        self._abandoned.difference_update(keys)

    async def _look(self) -> None:
        """Look who has opened the log last; FencedError if that bars our epoch."""
        self._seen = (await self._cluster.log(self._place)).opened
        if self._seen is not None and self._seen.epoch >= self.epoch and self._seen != self._record:
            raise self._fenced(self._seen)

    def _next_tag(self) -> str:
        self._numbers += 1
        return f"{self.epoch}.{self._numbers}"

    def _fenced(self, opened: Opened) -> FencedError:
        return FencedError(
            f"epoch {opened.epoch} of {self._place.workload} is open, this writer has {self.epoch}",
            next_step="Another instance works on it now: stop.",
        )
