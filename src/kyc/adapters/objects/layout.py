"""What a workload has in the bucket, under `<prefix>/<workload>/`.

    place            it is there
    c/CHUNK/TAG      a copy of a chunk; the tag, `epoch.number`, is `ChunkRef.location`
    b/TAG            the body of a large manifest
    l/NUMBER         the log: opened epochs and manifests, numbered without a gap by whoever appends

The log's names count down from the highest number there is: a listing, which object stores give in the order of names
only and a page at a time, then begins with the newest entry, however long the log has become.

An entry of the log is written only if its name is not taken (If-None-Match: *), and only by one who knows the entry
before it. So a writer who was overtaken finds its next number taken by the entry that fences it. For that to hold, the
last entry is never deleted: discarding it leaves its number behind, without the manifest.
"""

from __future__ import annotations

import re

import msgspec

from kyc.domain.errors import DamagedDataError, InvalidInputError
from kyc.domain.snapshot import ChunkId, ChunkRef

INLINE_LIMIT_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_DIGITS = 20
_HIGHEST: int = 10**_DIGITS - 1


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One entry of the log. `writer` and `number` tell it from any other of the same epoch.

    Without a digest it holds no manifest: it opened an epoch, or its manifest was discarded. The manifest lies in
    `inline`, or in the object that `body` names.
    """

    version: int
    epoch: int
    writer: bytes
    number: int = 0
    digest: bytes = b""
    size: int = 0
    body: str = ""
    inline: bytes = b""

    @property
    def is_manifest(self) -> bool:
        """Whether it is a snapshot that is still there."""
        return bool(self.digest)


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """Return the entry as it is stored."""
    return _encoder.encode(record)


def decode_record(data: bytes) -> Record:
    """Read a stored entry; raise DamagedDataError for anything else."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise DamagedDataError(
            f"the bucket's log holds something else than a record of kyc: {error}",
            next_step="Let nobody else write under kyc's prefix.",
        ) from error


class Place:
    """The names of one workload's objects."""

    def __init__(self, workload: str) -> None:
        if not _NAME.fullmatch(workload):
            raise InvalidInputError(
                f"{workload!r} cannot be a workload's name in a stream", next_step="Use letters, digits, - and _."
            )
        self.workload = workload
        self.mark = f"{workload}/place"
        self.all = f"{workload}/"
        self.chunks = f"{workload}/c/"
        self.log = f"{workload}/l/"

    def entry(self, sequence: int) -> str:
        """Return the name of an entry of the log; names sort the other way round than sequences do."""
        return f"{self.log}{_HIGHEST - sequence:0{_DIGITS}}"

    def sequence(self, name: str) -> int:
        """Return the sequence of an entry's name."""
        return _HIGHEST - int(name.rpartition("/")[2])

    def copy(self, chunk: str, tag: str) -> str:
        """Return the name of a copy of a chunk."""
        return f"{self.chunks}{chunk}/{tag or '-'}"

    def copy_of(self, name: str, size: int) -> tuple[ChunkRef, int] | None:
        """Return the copy that an object's name is of, and the epoch it was put in; None if it is not one of ours."""
        chunk, _, tag = name.removeprefix(self.chunks).partition("/")
        epoch, _, _ = tag.partition(".")
        if not epoch.isdecimal():
            return None
        return ChunkRef(id=ChunkId(chunk), stored_bytes=size, location=tag), int(epoch)

    def body(self, tag: str) -> str:
        """Return the name of a large manifest's body."""
        return f"{self.workload}/b/{tag}"
