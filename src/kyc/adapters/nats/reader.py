"""Reading one workload's snapshots from JetStream, by direct get: no consumer is left behind on the server."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Sequence

import msgspec

from kyc.adapters.nats.layout import Place, Record, decode_record
from kyc.adapters.nats.link import NO_RESPONDERS, NOT_FOUND, Link
from kyc.domain.errors import DamagedDataError, NotFoundError, UnreachableError
from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.ports.stream import ManifestRef

_IN_FLIGHT_BYTES = 8_000_000
_IN_FLIGHT_CHUNKS = 64


class _State(msgspec.Struct):
    first_seq: int = 0
    last_seq: int = 0
    deleted: list[int] | None = None


class _Info(msgspec.Struct):
    state: _State


class NatsReader:
    """A StreamReader on JetStream. Chunks are asked for in the order they were written, several at once."""

    def __init__(self, link: Link, place: Place) -> None:
        self._link = link
        self._place = place
        self._known: dict[int, ManifestRef] = {}
        self._read_upto = 0

    async def manifests(self) -> list[ManifestRef]:
        """List the committed manifests, oldest first, as the log has them now; what was read once is remembered."""
        state = (await self._link.call(f"STREAM.INFO.{self._place.log_stream}", {"deleted_details": True}, _Info)).state
        gone = frozenset(state.deleted or ())
        if state.last_seq < self._read_upto:  # deleted and made again
            self._known, self._read_upto = {}, 0
        while self._read_upto < state.last_seq:
            sequence, record = await self._next(self._read_upto)
            if record is None:
                self._read_upto = state.last_seq
                break
            self._read_upto = sequence
            if record.is_manifest:
                self._known[sequence] = ManifestRef(sequence=sequence, epoch=record.epoch, stored_bytes=record.size)
        self._known = {n: ref for n, ref in self._known.items() if n >= state.first_seq and n not in gone}
        return list(self._known.values())

    async def manifest(self, sequence: int) -> bytes:
        """Return a manifest, put together and checked against its digest."""
        record = await self._record(sequence)
        payload = record.body
        if record.parts:
            payload = b"".join([await self._get(self._place.chunk_stream, subject) for subject in record.parts])
        if hashlib.blake2b(payload, digest_size=16).digest() != record.digest:
            raise DamagedDataError(f"snapshot {sequence} of {self._place.workload} is damaged in the stream")
        return payload

    async def chunks(self, wanted: Sequence[ChunkRef]) -> AsyncIterator[tuple[ChunkId, bytes]]:
        """Yield each wanted chunk once, with at most 8 MB in flight."""
        waiting = deque(sorted(wanted, key=lambda ref: int(ref.location or 0)))
        asked: dict[asyncio.Task[bytes], ChunkRef] = {}
        came: deque[asyncio.Task[bytes]] = deque()
        some = asyncio.Event()

        def arrive(task: asyncio.Task[bytes]) -> None:
            came.append(task)
            some.set()

        in_flight = 0
        try:
            while waiting or asked:
                while waiting and (not asked or in_flight + waiting[0].stored_bytes <= _IN_FLIGHT_BYTES):
                    if len(asked) >= _IN_FLIGHT_CHUNKS:
                        break
                    ref = waiting.popleft()
                    task = asyncio.create_task(self._chunk(ref))
                    asked[task] = ref
                    in_flight += ref.stored_bytes
                    task.add_done_callback(arrive)
                some.clear()
                if not came:
                    await some.wait()
                task = came.popleft()
                ref = asked.pop(task)
                in_flight -= ref.stored_bytes
                yield ref.id, task.result()
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def close(self) -> None:
        """Nothing is held: the link is the stream's."""

    async def _chunk(self, ref: ChunkRef) -> bytes:
        try:
            return await self._get(self._place.chunk_stream, self._place.chunk_subject(ref.id))
        except NotFoundError as error:
            raise NotFoundError(f"chunk {ref.id} of {self._place.workload} is not in the stream") from error

    async def _get(self, stream: str, subject: str) -> bytes:
        reply = await self._link.request(f"$JS.API.DIRECT.GET.{stream}.{subject}")
        if reply.status == NOT_FOUND:
            raise NotFoundError(f"{subject} is not in the stream")
        if reply.status:
            raise await self._why(stream, reply.status)
        return reply.data

    async def _record(self, sequence: int) -> Record:
        missing = NotFoundError(f"{self._place.workload} has no snapshot {sequence}")
        try:
            _, data = await self._link.message(self._place.log_stream, {"seq": sequence})
        except NotFoundError:
            raise missing from None
        record = decode_record(data)
        if not record.is_manifest:
            raise missing
        return record

    async def _next(self, after: int) -> tuple[int, Record | None]:
        try:
            body: dict[str, object] = {"seq": after + 1, "next_by_subj": self._place.log_subject}
            sequence, data = await self._link.message(self._place.log_stream, body)
        except NotFoundError:
            return 0, None
        return sequence, decode_record(data)

    async def _why(self, stream: str, status: int) -> NotFoundError | UnreachableError:
        """Say what an unexpected status means: a stream that is gone, or a server that is not ready."""
        if status == NO_RESPONDERS:
            await self._link.call(f"STREAM.INFO.{stream}", {}, dict)
        return UnreachableError(f"JetStream answered {status} for {stream}", next_step="It is tried again.")
