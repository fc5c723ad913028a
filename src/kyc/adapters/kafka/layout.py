"""What a workload has in Kafka: the names and settings of its two topics, its keys, and the records of its log.

`<prefix>.<workload>.chunks` holds a record for each put. Its key is the chunk's id and the copy's tag, `epoch.number`,
which no other copy ever has; `ChunkRef.location` is `offset/tag`. A tombstone for the key therefore removes just that
copy, when the broker compacts the topic, and the offsets of all others stay what they are.

`<prefix>.<workload>.manifests` is the log: the newest opened epoch, the manifests (the offset is the sequence), and
what was discarded from the chunks lately, so that a reader does not find a copy that the broker has yet to compact
away. Epochs and manifests are written in transactions and read as committed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from kyc.domain.errors import DamagedDataError, InvalidInputError
from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.ports.stream import MAX_PAYLOAD_BYTES

MAX_MESSAGE_BYTES = 1_048_588  # the brokers' default
INLINE_LIMIT_BYTES = 16 * 1024  # a larger manifest goes into parts among the chunks: reading the log stays cheap
EPOCH_KEY = b"epoch"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LOG_SEGMENT_BYTES = 64 * 1024 * 1024
_CHUNK_SEGMENT_BYTES = 1024 * 1024 * 1024
_HOUR_MS = 3_600_000
_LOG_SUFFIX = ".manifests"


class Part(msgspec.Struct, frozen=True, array_like=True):
    """Where a part of a manifest lies among the chunks."""

    offset: int
    key: bytes


class Opened(msgspec.Struct, frozen=True, array_like=True, tag="o"):
    """An epoch was opened; `writer` tells apart those who tried to open the same one."""

    epoch: int
    writer: bytes


class Committed(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    """A manifest, in `body` or in `parts`; `digest` is of the whole."""

    epoch: int
    size: int
    digest: bytes
    parts: tuple[Part, ...] = ()
    body: bytes = b""


class Discarded(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    """These runs (offset, count) of chunks are to be compacted away; the last of their tombstones lies at `until`."""

    runs: tuple[tuple[int, int], ...]
    until: int


LogRecord = Opened | Committed | Discarded
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[LogRecord] = msgspec.msgpack.Decoder(LogRecord)


def encode_record(record: LogRecord) -> bytes:
    """Return the record as it is stored."""
    return _encoder.encode(record)


def decode_record(data: bytes) -> LogRecord:
    """Read a stored record; raise DamagedDataError for anything else."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise DamagedDataError(
            f"the manifest topic holds something else than a record of kyc: {error}",
            next_step="Let nobody else write to the topics under kyc's prefix.",
        ) from error


class Place:
    """The names of one workload's topics."""

    def __init__(self, prefix: str, workload: str) -> None:
        if not _NAME.fullmatch(workload):
            raise InvalidInputError(
                f"{workload!r} cannot be a workload's name in a stream", next_step="Use letters, digits, - and _."
            )
        self.workload = workload
        self.transactional_id = f"{prefix}.{workload}"
        self.chunk_topic = f"{prefix}.{workload}.chunks"
        self.log_topic = f"{prefix}.{workload}{_LOG_SUFFIX}"

    @property
    def topics(self) -> tuple[str, str]:
        """Both topics, in the order they are made."""
        return self.chunk_topic, self.log_topic


def topic_settings(topic: str) -> dict[str, str]:
    """Return what one of a workload's topics is made with: kept for ever, compacted by key, in segments of an hour.

    A segment that is full is forced to the disk. With small ones that happens in the middle of a flush, again and
    again: 64 MiB cost the broker half as much again of its processor time as 1 GiB (a third of the throughput).
    Compaction rewrites what stays, so it waits until half of the log is new, and never works on what was written in the
    last minutes: it would compete with the flush for the disk.
    """
    return {
        "cleanup.policy": "compact",
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "segment.bytes": str(_LOG_SEGMENT_BYTES if topic.endswith(_LOG_SUFFIX) else _CHUNK_SEGMENT_BYTES),
        "segment.ms": str(_HOUR_MS),
        "min.cleanable.dirty.ratio": "0.5",
        "min.compaction.lag.ms": str(_HOUR_MS // 6),
        "max.compaction.lag.ms": str(24 * _HOUR_MS),
        "delete.retention.ms": str(_HOUR_MS),
        "compression.type": "producer",
    }


def chunk_key(chunk: str, tag: str) -> bytes:
    """Return the key of a copy."""
    return f"{chunk}/{tag}".encode()


def location_of(offset: int, tag: str) -> str:
    """Return where a copy lies, for ChunkRef.location."""
    return f"{offset}/{tag}"


def place_of(ref: ChunkRef) -> tuple[int, bytes]:
    """Return (offset, key) of the copy; offset -1, which nothing has, for a location that no Kafka stream gave."""
    offset, _, tag = ref.location.partition("/")
    return int(offset) if offset.isdecimal() else -1, chunk_key(ref.id, tag)


def runs_of(offsets: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return the offsets as ascending runs (first, count)."""
    runs: list[tuple[int, int]] = []
    for offset in sorted(set(offsets)):
        if runs and offset == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((offset, 1))
    return tuple(runs)


def parts_of(payload: bytes) -> Sequence[bytes]:
    """Return the payload in parts that each fit into a message."""
    return [payload[start : start + MAX_PAYLOAD_BYTES] for start in range(0, len(payload), MAX_PAYLOAD_BYTES)]


def check_size(chunk: ChunkId, payload: bytes) -> None:
    """Raise InvalidInputError for a payload over the limit."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise InvalidInputError(
            f"chunk {chunk} has {len(payload)} bytes, over the limit of {MAX_PAYLOAD_BYTES}",
            next_step="Cut the data into smaller chunks.",
        )
