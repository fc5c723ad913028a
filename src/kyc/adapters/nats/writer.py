"""Writing one workload's snapshots to JetStream in one epoch, fenced by a compare-and-set on its log's last record.

A commit whose acknowledgement was lost may have happened. The writer learns which when its next record is refused
because the log has another last one than it knew: if that is its own record of the same manifest, it had succeeded.
"""

from __future__ import annotations

import hashlib
import secrets

from msgspec.structs import replace

from kyc.adapters.nats.layout import INLINE_LIMIT_BYTES, Place, Record, decode_record, encode_record
from kyc.adapters.nats.link import WRONG_LAST_SEQUENCE, Link, PubAck, refusal, together
from kyc.domain.errors import FencedError, InvalidInputError, NotFoundError
from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.ports.stream import MAX_PAYLOAD_BYTES

_PARTS_AT_ONCE = 8


class NatsWriter:
    """A StreamWriter on JetStream; `open_writer` makes one.

    What is acknowledged is in the server's files: it survives kill -9 of the server at any moment. A loss of power may
    take the last moments before it (the server's `sync_interval`); a restore then takes the newest whole snapshot.
    """

    def __init__(self, link: Link, place: Place, epoch: int) -> None:
        self.epoch = epoch
        self._link = link
        self._place = place
        self._name = secrets.token_bytes(12)
        self._last = 0  # the log's last record, as far as we know
        self._unsure = b""  # the digest of a commit that may have happened

    async def open(self) -> None:
        """Open the epoch; FencedError if it, or a higher one, is open already."""
        record = Record(version=1, epoch=self.epoch, writer=self._name)
        while True:
            self._last, last = await self._tail()
            if last is not None and last.epoch >= self.epoch:
                if last == record:
                    return
                raise self._fenced(last)
            ack = await self._append(record)
            if ack is not None:
                self._last = ack
                return

    async def put(self, chunk: ChunkId, payload: bytes) -> ChunkRef:
        """Store a copy; the older one goes away with it."""
        sequence = await self._store(self._place.chunk_subject(chunk), payload)
        return ChunkRef(id=chunk, stored_bytes=len(payload), location=str(sequence))

    async def commit(self, payload: bytes) -> int:
        """Append the manifest to the log, unless somebody opened a higher epoch."""
        digest = hashlib.blake2b(payload, digest_size=16).digest()
        if self._unsure == digest and (done := await self._catch_up(digest)):
            return done
        record = await self._prepare(payload, digest)
        self._unsure = digest
        while True:
            sequence = await self._append(record)
            if sequence is None:
                sequence = await self._catch_up(digest)
            if sequence is not None:
                self._last = sequence
                self._unsure = b""
                return sequence

    async def close(self) -> None:
        """Nothing is held: the epoch stays open until a higher one is."""

    async def _prepare(self, payload: bytes, digest: bytes) -> Record:
        """Return the manifest's record; a large one's parts are stored first, under names nobody else uses."""
        record = Record(version=1, epoch=self.epoch, writer=self._name, digest=digest, size=len(payload))
        if len(payload) <= INLINE_LIMIT_BYTES:
            return replace(record, body=payload)
        commit = secrets.token_hex(12)
        starts = range(0, len(payload), MAX_PAYLOAD_BYTES)
        subjects = tuple(self._place.part_subject(commit, number) for number in range(len(starts)))
        stores = (
            self._store(subject, payload[start : start + MAX_PAYLOAD_BYTES])
            for subject, start in zip(subjects, starts, strict=True)
        )
        await together(stores, at_once=_PARTS_AT_ONCE)
        return replace(record, parts=subjects)

    async def _store(self, subject: str, payload: bytes) -> int:
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise InvalidInputError(f"a payload of {len(payload)} bytes is over the limit of {MAX_PAYLOAD_BYTES}")
        ack = await self._link.publish(self._place.chunk_stream, subject, payload)
        if ack.error is not None:
            raise refusal(ack.error)
        return ack.seq

    async def _append(self, record: Record) -> int | None:
        """Append to the log if its last record is the one we know; None if it is not."""
        condition = {"Nats-Expected-Last-Subject-Sequence": str(self._last)}
        place = self._place
        ack: PubAck = await self._link.publish(place.log_stream, place.log_subject, encode_record(record), condition)
        if ack.error is None:
            return ack.seq
        if ack.error.err_code == WRONG_LAST_SEQUENCE:
            return None
        raise refusal(ack.error)

    async def _catch_up(self, digest: bytes) -> int | None:
        """Learn the log's last record: return its sequence if it is the commit we were unsure of."""
        self._last, last = await self._tail()
        if last is None or last.epoch < self.epoch:
            raise NotFoundError(
                f"the place of {self._place.workload} in the stream was deleted and made again under its writer",
                next_step="Stop this writer and open a new epoch.",
            )
        if last.epoch > self.epoch or last.writer != self._name:
            raise self._fenced(last)
        return self._last if self._unsure == digest == last.digest else None

    async def _tail(self) -> tuple[int, Record | None]:
        """Return the log's last record as its leader has it; (0, None) for an empty log."""
        return await tail(self._link, self._place)

    def _fenced(self, last: Record) -> FencedError:
        return FencedError(
            f"epoch {last.epoch} of {self._place.workload} is open, this writer has {self.epoch}",
            next_step="Another instance works on it now: stop.",
        )


async def tail(link: Link, place: Place) -> tuple[int, Record | None]:
    """Return (sequence, record) of the log's last record; (0, None) for an empty log; NotFoundError without a log."""
    try:
        sequence, data = await link.message(place.log_stream, {"last_by_subj": place.log_subject})
    except NotFoundError:
        await link.call(f"STREAM.INFO.{place.log_stream}", {}, dict)
        return 0, None
    return sequence, decode_record(data)
