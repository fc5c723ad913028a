"""Reading one workload's snapshots from JetStream, by direct get: no consumer is left behind on the server.

Chunks are asked for in runs, as they lie in the stream: one request a chunk costs both sides more than its bytes do
(batched direct get, ADR-31 of NATS; older servers are asked one by one).
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from kyc.adapters.nats.fetching import Fetching, runs
from kyc.adapters.nats.layout import Place, Record, decode_record
from kyc.adapters.nats.link import END_OF_RUN, NO_RESPONDERS, NOT_FOUND, Link
from kyc.adapters.nats.reply import Reply
from kyc.domain.errors import DamagedDataError, NotFoundError, UnreachableError
from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.ports.stream import ManifestRef

_RUN_BYTES = 4_000_000
_SENDS_RUNS = (2, 11)  # the first server that answers one direct get with several messages


class _State(msgspec.Struct):
    first_seq: int = 0
    last_seq: int = 0
    deleted: list[int] | None = None


class _Info(msgspec.Struct):
    state: _State


class NatsReader:
    """A StreamReader on JetStream. Chunks are asked for in the order they were written, several runs at once."""

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
        """Yield each wanted chunk once, with at most 16 MB in flight."""
        if not wanted:
            return
        in_runs = await self._link.server_version() >= _SENDS_RUNS
        waiting = deque(runs(wanted, limit=_RUN_BYTES if in_runs else 0))
        fetching = Fetching()
        try:
            while waiting or not fetching.is_over:
                while waiting and fetching.has_room_for(waiting[0]):
                    run = waiting.popleft()
                    fetching.begin(run, self._fetch(run, fetching.arrive))
                await fetching.some()
                for chunk, payload in fetching.take():
                    yield chunk, payload
        finally:
            await fetching.stop()

    async def close(self) -> None:
        """Nothing is held: the link is the stream's."""

    async def _fetch(self, run: Sequence[ChunkRef], arrive: Callable[[ChunkRef, bytes], None]) -> None:
        """Ask for a run at once; what does not lie there any more, since it was written anew, is asked for by name."""
        left = {self._place.chunk_subject(ref.id): ref for ref in run}

        def take(reply: Reply) -> None:
            ref = left.pop(reply.headers.get("Nats-Subject", ""), None)
            if ref is not None:
                arrive(ref, reply.data)

        if len(run) > 1:
            stream = self._place.chunk_stream
            body = msgspec.json.encode({"seq": int(run[0].location), "batch": len(run)})
            last = await self._link.request(f"$JS.API.DIRECT.GET.{stream}", body, each=take)
            if last.status not in {END_OF_RUN, NOT_FOUND}:
                raise await self._why(stream, last.status)
        for ref in list(left.values()):
            arrive(ref, await self._chunk(ref))

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
