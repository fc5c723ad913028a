"""What a workload has in JetStream: names of its streams and subjects, the records of its log, its permissions.

Two streams a workload. `KYC_C_<workload>` holds the chunks, each under its own subject, of which only the newest copy
stays; `location` is the copy's number in it. `KYC_L_<workload>` is the log: one subject whose records are the opened
epochs and the committed manifests, in order. Each record is published under the condition that the last one is the one
its writer knows (Nats-Expected-Last-Subject-Sequence), so that the server refuses a stale writer's commit, atomically.
"""

from __future__ import annotations

import re

import msgspec

from kyc.domain.errors import DamagedDataError, InvalidInputError
from kyc.ports.stream import MAX_PAYLOAD_BYTES

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
MAX_MESSAGE_BYTES = MAX_PAYLOAD_BYTES + 1000  # with its headers
INLINE_LIMIT_BYTES = 64 * 1024  # a larger manifest goes into parts, so that reading the log stays cheap


class Record(msgspec.Struct, frozen=True, array_like=True, tag_field=None):
    """One entry of the log. `writer` tells apart those who opened the same epoch; `digest` is of the whole manifest.

    An opened epoch has no digest. A manifest lies in `body`, or in the chunk stream under the subjects of `parts`.
    """

    version: int
    epoch: int
    writer: bytes
    digest: bytes = b""
    size: int = 0
    parts: tuple[str, ...] = ()
    body: bytes = b""

    @property
    def is_manifest(self) -> bool:
        """Whether it is a snapshot, not the opening of an epoch."""
        return bool(self.digest)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """Return the record as it is stored."""
    return _encoder.encode(record)


def decode_record(data: bytes) -> Record:
    """Read a stored record; raise DamagedDataError for anything else."""
    try:
        record = _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise DamagedDataError(f"the stream's log holds something else than a record: {error}") from error
    if record.version != 1:
        raise DamagedDataError(
            f"the stream's log was written by a newer kyc (version {record.version} of its records)",
            next_step="Run the newer version.",
        )
    return record


class Place:
    """The names of one workload's streams and subjects."""

    def __init__(self, workload: str) -> None:
        if not _NAME.fullmatch(workload):
            raise InvalidInputError(
                f"{workload!r} cannot be a workload's name in a stream", next_step="Use letters, digits, - and _."
            )
        self.workload = workload
        self.chunk_stream = f"KYC_C_{workload}"
        self.log_stream = f"KYC_L_{workload}"
        self.log_subject = f"kyc.{workload}.log"

    def chunk_subject(self, chunk: str) -> str:
        """Return where the copies of a chunk are published."""
        return f"kyc.{self.workload}.c.{chunk}"

    def part_subject(self, commit: str, number: int) -> str:
        """Return where a part of a large manifest is published."""
        return f"kyc.{self.workload}.p.{commit}-{number}"

    def stream_settings(self) -> list[dict[str, object]]:
        """Return how both streams are made, the log last: it is there only if all is."""
        common: dict[str, object] = {
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "allow_direct": True,
            "num_replicas": 1,
            "max_consumers": -1,
            "max_bytes": -1,
            "max_age": 0,
            "max_msgs": -1,
        }
        chunks = {
            "name": self.chunk_stream,
            "subjects": [f"kyc.{self.workload}.c.*", f"kyc.{self.workload}.p.*"],
            "max_msgs_per_subject": 1,
        }
        log = {"name": self.log_stream, "subjects": [self.log_subject], "max_msgs_per_subject": -1}
        return [common | chunks, common | log]

    def permissions(self, inbox: str) -> dict[str, object]:
        """Return what an agent may do: write and read this workload's subjects; delete nothing, list nobody else's."""
        streams = (self.chunk_stream, self.log_stream)
        publish = [
            f"kyc.{self.workload}.>",
            *(f"$JS.API.DIRECT.GET.{name}" for name in streams),
            *(f"$JS.API.DIRECT.GET.{name}.>" for name in streams),
            *(f"$JS.API.STREAM.MSG.GET.{name}" for name in streams),
            *(f"$JS.API.STREAM.INFO.{name}" for name in streams),
        ]
        return {"pub": {"allow": publish}, "sub": {"allow": [f"{inbox}.>"]}}
