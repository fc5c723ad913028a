"""Writing one workload's snapshots to a bucket in one epoch, fenced by whose entry gets the log's next number."""

from __future__ import annotations

import asyncio
import hashlib
import secrets

from msgspec.structs import replace

from kyc.adapters.objects.bucket import Bucket
from kyc.adapters.objects.layout import INLINE_LIMIT_BYTES, Place, Record, decode_record, encode_record
from kyc.adapters.objects.log import after, require, tail
from kyc.domain.errors import FencedError, InvalidInputError, NotFoundError
from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.ports.stream import MAX_PAYLOAD_BYTES


class ObjectsWriter:
    """A StreamWriter in a bucket; `open_writer` makes one. What is acknowledged is as durable as the bucket."""

    def __init__(self, bucket: Bucket, place: Place, epoch: int, name: bytes | None = None) -> None:
        self.epoch = epoch
        self._bucket = bucket
        self._place = place
        self._name = name or secrets.token_bytes(12)
        self._committing = asyncio.Lock()
        self._last = 0  # the log's last entry, as far as we know
        self._unsure: Record | None = None  # an entry that may have been appended
        self._numbers = 0

    async def open(self) -> None:
        """Open the epoch; FencedError if it, or a higher one, is open already."""
        record = Record(version=1, epoch=self.epoch, writer=self._name)
        self._last, last = await tail(self._bucket, self._place)
        while True:
            if last is not None and last.epoch >= self.epoch:
                if last == record:
                    return
                raise self._fenced(last)
            if await self._bucket.create(self._place.entry(self._last + 1), encode_record(record)):
                self._last += 1
                return
            # Somebody was faster. To list again would take longer than a busy writer needs to be faster once more.
            self._last, last = await after(self._bucket, self._place, self._last)

    async def put(self, chunk: ChunkId, payload: bytes) -> ChunkRef:
        """Store a copy under a name of its own."""
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise InvalidInputError(f"a payload of {len(payload)} bytes is over the limit of {MAX_PAYLOAD_BYTES}")
        tag = self._next_tag()
        await self._bucket.put(self._place.copy(chunk, tag), payload)
        return ChunkRef(id=chunk, stored_bytes=len(payload), location=tag)

    async def commit(self, payload: bytes) -> int:
        """Append the manifest to the log, once also if it is repeated after a lost acknowledgement."""
        digest = hashlib.blake2b(payload, digest_size=16).digest()
        async with self._committing:
            unsure = self._unsure
            if unsure is not None:
                done = await self._catch_up(unsure)
                self._unsure = None
                if done is not None and unsure.digest == digest:
                    return done
            record = await self._prepare(payload, digest)
            self._unsure = record
            sequence = await self._append(record)
            self._unsure = None
            return sequence

    async def close(self) -> None:
        """Nothing is held: the epoch stays open until a higher one is."""

    async def _prepare(self, payload: bytes, digest: bytes) -> Record:
        """Return the manifest's entry; a large one's body is stored first, under a name nobody else uses."""
        tag = self._next_tag()
        record = Record(
            version=1, epoch=self.epoch, writer=self._name, number=self._numbers, digest=digest, size=len(payload)
        )
        if len(payload) <= INLINE_LIMIT_BYTES:
            return replace(record, inline=payload)
        await self._bucket.put(self._place.body(tag), payload)
        return replace(record, body=self._place.body(tag))

    async def _append(self, record: Record) -> int:
        while not await self._bucket.create(self._place.entry(self._last + 1), encode_record(record)):
            done = await self._catch_up(record)
            if done is not None:
                return done
        await self._still_there(self._place.entry(self._last + 1))
        self._last += 1
        return self._last

    async def _still_there(self, entry: str) -> None:
        """Raise NotFoundError, and take the entry back, if the place was deleted: nobody would ever find it there."""
        try:
            await require(self._bucket, self._place)
        except NotFoundError:
            await self._bucket.delete([entry])
            raise

    async def _catch_up(self, unsure: Record) -> int | None:
        """Learn the log's last entry, and return its sequence if it is `unsure`; FencedError for a higher epoch."""
        expected = self._last + 1
        self._last, last = await tail(self._bucket, self._place)
        if last is None or last.epoch < self.epoch:
            raise NotFoundError(
                f"the place of {self._place.workload} in the stream was deleted and made again under its writer",
                next_step="Stop this writer and open a new epoch.",
            )
        if last.epoch > self.epoch or last.writer != self._name:
            if await self._is_at(expected, unsure):
                return expected  # it was in time; the next commit will be told
            raise self._fenced(last)
        return self._last if last == unsure else None

    async def _is_at(self, sequence: int, record: Record) -> bool:
        try:
            return decode_record(await self._bucket.get(self._place.entry(sequence))) == record
        except NotFoundError:
            return False

    def _next_tag(self) -> str:
        self._numbers += 1
        return f"{self.epoch}.{self._numbers}"

    def _fenced(self, last: Record) -> FencedError:
        return FencedError(
            f"epoch {last.epoch} of {self._place.workload} is open, this writer has {self.epoch}",
            next_step="Another instance works on it now: stop.",
        )
