"""Reading one workload's snapshots from a bucket: several objects at once, bounded in bytes."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing

from kyc.adapters.objects.bucket import Bucket
from kyc.adapters.objects.layout import Place, Record, decode_record
from kyc.adapters.objects.log import entries, require
from kyc.domain.errors import DamagedDataError, NotFoundError
from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.ports.stream import Copy, ManifestRef

_IN_FLIGHT_BYTES = 16_000_000
_IN_FLIGHT_CHUNKS = 32


class ObjectsReader:
    """A CopyReader in a bucket."""

    def __init__(self, bucket: Bucket, place: Place) -> None:
        self._bucket = bucket
        self._place = place
        self._known: dict[str, Record] = {}  # entries of the log that cannot change any more

    async def manifests(self) -> list[ManifestRef]:
        """List the committed manifests, oldest first."""
        log = await entries(self._bucket, self._place, self._known)
        if not log:  # it was not made yet, or was deleted
            await require(self._bucket, self._place)
        return [
            ManifestRef(sequence=sequence, epoch=record.epoch, stored_bytes=record.size)
            for sequence, record in log
            if record.is_manifest
        ]

    async def manifest(self, sequence: int) -> bytes:
        """Return a manifest, checked against its digest."""
        missing = NotFoundError(f"{self._place.workload} has no snapshot {sequence}")
        try:
            record = decode_record(await self._bucket.get(self._place.entry(sequence)))
            payload = await self._bucket.get(record.body) if record.body else record.inline
        except NotFoundError:
            raise missing from None
        if not record.is_manifest:
            raise missing
        if hashlib.blake2b(payload, digest_size=16).digest() != record.digest:
            raise DamagedDataError(f"snapshot {sequence} of {self._place.workload} is damaged in the stream")
        return payload

    async def chunks(self, wanted: Sequence[ChunkRef]) -> AsyncIterator[tuple[ChunkId, bytes]]:
        """Yield each wanted chunk once, as they come, with at most 16 MB in flight."""
        waiting = deque(wanted)
        asked: dict[asyncio.Task[bytes], ChunkRef] = {}
        in_flight = 0
        try:
            while waiting or asked:
                while waiting and len(asked) < _IN_FLIGHT_CHUNKS and _fits(in_flight, waiting[0]):
                    ref = waiting.popleft()
                    asked[asyncio.create_task(self._chunk(ref))] = ref
                    in_flight += ref.stored_bytes
                done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    ref = asked.pop(task)
                    in_flight -= ref.stored_bytes
                    yield ref.id, task.result()
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def strays(self, named: Collection[Copy], *, before: int) -> AsyncIterator[ChunkRef]:
        """Yield the copies of lower epochs that are not named."""
        async with aclosing(self._bucket.sizes(self._place.chunks)) as found:
            async for name, size in found:
                copy = self._place.copy_of(name, size)
                if copy is not None and copy[1] < before and (copy[0].id, copy[0].location) not in named:
                    yield copy[0]

    async def close(self) -> None:
        """Nothing is held."""

    async def _chunk(self, ref: ChunkRef) -> bytes:
        try:
            return await self._bucket.get(self._place.copy(ref.id, ref.location))
        except NotFoundError:
            await require(self._bucket, self._place)
            raise NotFoundError(f"chunk {ref.id} of {self._place.workload} is not in the stream") from None


def _fits(in_flight: int, ref: ChunkRef) -> bool:
    return not in_flight or in_flight + ref.stored_bytes <= _IN_FLIGHT_BYTES
