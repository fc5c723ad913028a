"""The log that carries chunks and manifests of a workload, and fences its writers by epoch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from kyc.domain.snapshot import ChunkId, ChunkRef, StreamAccess

Copy = tuple[ChunkId, str]  # a chunk and the location of one copy of it
MAX_PAYLOAD_BYTES = 1_000_000  # below the default limits of Kafka (1,048,588) and NATS (1,048,576)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRef:
    """A committed manifest: its place in the workload's order, its writer's epoch, and its stored size."""

    sequence: int
    epoch: int
    stored_bytes: int


class StreamWriter(Protocol):
    """The right to write one workload's snapshots in one epoch.

    `put` returns once the chunk is durable in the stream; a chunk put twice is stored once or twice, at the stream's
    liking. Several `put` may run at once. `commit` appends a manifest, durable when it returns, and gives its sequence
    (it only grows, also over epochs). Both raise FencedError when a higher epoch has been opened (`put` may find out
    late, `commit` never does), UnreachableError when the stream does not answer within its own time-out (the write
    may or may not have happened; repeating it is safe), InvalidInputError for a payload over MAX_PAYLOAD_BYTES
    (`commit` takes any size).
    """

    epoch: int

    async def put(self, chunk: ChunkId, payload: bytes) -> ChunkRef: ...

    async def commit(self, payload: bytes) -> int: ...

    async def close(self) -> None: ...


class StreamReader(Protocol):
    """Read one workload's snapshots, while others write or not.

    `manifests` lists what is committed, oldest first. `manifest` raises NotFoundError for what is not there (any more).
    `chunks` yields each asked-for chunk once, in the order that suits the stream, with a bounded number of bytes in
    flight; a missing one raises NotFoundError, which names it. What is yielded may be damaged: the caller verifies.
    All raise UnreachableError.
    """

    async def manifests(self) -> list[ManifestRef]: ...

    async def manifest(self, sequence: int) -> bytes: ...

    def chunks(self, wanted: Sequence[ChunkRef]) -> AsyncIterator[tuple[ChunkId, bytes]]: ...

    async def close(self) -> None: ...


@runtime_checkable
class CopyReader(StreamReader, Protocol):
    """A StreamReader of a stream that keeps every copy of a chunk until it is discarded, and not just the newest.

    `strays` yields the copies that were put in epochs lower than `before` and are not among `named`: what a killed
    writer left, what was put again. Once a snapshot of the epoch `before` is committed nobody can name them any more.
    """

    def strays(self, named: Collection[Copy], *, before: int) -> AsyncIterator[ChunkRef]: ...


class Stream(Protocol):
    """A stream back end, by its URL and the credentials of one workload (or of all, for the master).

    `create` makes the workload's place (no error if it is there), `delete` removes it with everything in it.
    `open_writer` opens the epoch: from its return on no writer of a lower epoch can commit. It raises FencedError if
    the same epoch is open by someone else or a higher one is, so that of two openers of one epoch only one wins.
    `discard` deletes the manifests of these sequences, then the stored copies that these refs name, never a later
    copy of the same chunk: a writer may be putting it again at this moment. What is gone already is no error.
    `renew` has all that is open sign in with another credential for the same place, from the next connection on; calls
    under way are not disturbed.
    All raise UnreachableError and CredentialError, and NotFoundError for a workload without a place.
    """

    async def create(self, workload: str) -> None: ...

    async def delete(self, workload: str) -> None: ...

    async def open_writer(self, workload: str, epoch: int) -> StreamWriter: ...

    async def open_reader(self, workload: str) -> StreamReader: ...

    async def discard(self, workload: str, *, manifests: Sequence[int], chunks: Sequence[ChunkRef]) -> None: ...

    def renew(self, access: StreamAccess) -> None: ...

    async def close(self) -> None: ...


class StreamHost(Protocol):
    """The stream as the master has it: it may embed the server, and hands out access by workload.

    `ensure` starts the server if it is embedded and not running (it outlives the master) and returns once it answers;
    True if it had to be started. `access` grants one workload's part, `stream` connects with the rights to everything:
    to the stream that the workload's files lie in, where a master has several. `identity` is where new workloads go.
    """

    @property
    def identity(self) -> str: ...

    async def ensure(self) -> bool: ...

    async def stream(self, workload: str = "") -> Stream: ...

    async def access(self, workload: str) -> StreamAccess: ...

    async def stop(self) -> None: ...


class StreamBook(Protocol):
    """The streams that this master has credentials for, by their identity: the URL without who signs in.

    `look_up` returns the rights to everything in a stream, with the token kept for the URL if none is given; None for
    the embedded one, which its identity names and which needs no credential. `remember` keeps a URL and its token. `at`
    connects to one that is kept, or raises NotFoundError.
    """

    def identity_of(self, url: str) -> str: ...

    def look_up(self, url: str, token: str) -> StreamAccess | None: ...

    def remember(self, url: str, token: str) -> None: ...

    async def at(self, identity: str) -> Stream: ...
