"""A stream in memory, for tests: the whole contract of ports.stream, and faults that a test can set.

Several `FakeStream`s on one `Shelf` see the same data, as several connections to one server would.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from kyc.domain.errors import FencedError, InvalidInputError, NotFoundError, UnreachableError
from kyc.domain.snapshot import ChunkId, ChunkRef, StreamAccess
from kyc.ports.stream import MAX_PAYLOAD_BYTES, ManifestRef


@dataclass(slots=True)
class Faults:
    """What goes wrong from now on. `lose_acks` counts down: so many writes happen, and then say they may not have."""

    unreachable: bool = False
    lose_acks: int = 0
    gate: asyncio.Event | None = None  # while it is not set, writes wait

    async def before(self) -> None:
        """Wait at the gate, then raise UnreachableError if the stream is cut off."""
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.unreachable:
            raise UnreachableError("the stream does not answer", next_step="It is tried again.")

    def after_write(self) -> None:
        """Raise UnreachableError if this write's acknowledgement is to be lost."""
        if self.lose_acks > 0:
            self.lose_acks -= 1
            raise UnreachableError("the stream did not acknowledge the write", next_step="It is tried again.")


@dataclass(slots=True)
class Place:
    """What one workload has in the stream."""

    chunks: dict[ChunkId, tuple[str, bytes]] = field(default_factory=dict)  # location, payload
    manifests: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # sequence -> epoch, payload
    epoch: int = 0
    copies: int = 0
    last_sequence: int = 0


@dataclass(slots=True)
class Shelf:
    """The server's side: every workload's place, and the faults of all connections."""

    places: dict[str, Place] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)

    def place(self, workload: str) -> Place:
        """Return the workload's place; raise NotFoundError if it has none."""
        try:
            return self.places[workload]
        except KeyError:
            raise NotFoundError(f"the stream has no place for {workload}", next_step="Create it first.") from None


class FakeWriter:
    """A StreamWriter in memory."""

    def __init__(self, shelf: Shelf, workload: str, epoch: int) -> None:
        self._shelf = shelf
        self._workload = workload
        self.epoch = epoch
        self._last: tuple[bytes, int] | None = None

    async def put(self, chunk: ChunkId, payload: bytes) -> ChunkRef:
        """Store a new copy."""
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise InvalidInputError(f"a payload of {len(payload)} bytes is over the limit of {MAX_PAYLOAD_BYTES}")
        await self._shelf.faults.before()
        place = self._place()
        place.copies += 1
        location = str(place.copies)
        place.chunks[chunk] = (location, bytes(payload))
        self._shelf.faults.after_write()
        return ChunkRef(id=chunk, stored_bytes=len(payload), location=location)

    async def commit(self, payload: bytes) -> int:
        """Append the manifest, once also if it is repeated after a lost acknowledgement."""
        await self._shelf.faults.before()
        place = self._place()
        if self._last is None or self._last[0] != payload:
            place.last_sequence += 1
            place.manifests[place.last_sequence] = (self.epoch, bytes(payload))
            self._last = (bytes(payload), place.last_sequence)
        self._shelf.faults.after_write()
        sequence = self._last[1]
        self._last = None
        return sequence

    async def close(self) -> None:
        """Nothing is held."""

    def _place(self) -> Place:
        place = self._shelf.place(self._workload)
        if place.epoch > self.epoch:
            raise FencedError(
                f"epoch {place.epoch} of {self._workload} is open, this writer has {self.epoch}",
                next_step="Another instance works on it now: stop.",
            )
        return place


class FakeReader:
    """A StreamReader in memory."""

    def __init__(self, shelf: Shelf, workload: str) -> None:
        self._shelf = shelf
        self._workload = workload

    async def manifests(self) -> list[ManifestRef]:
        """List what is committed, oldest first."""
        await self._shelf.faults.before()
        found = self._shelf.place(self._workload).manifests
        return [ManifestRef(sequence=n, epoch=e, stored_bytes=len(p)) for n, (e, p) in sorted(found.items())]

    async def manifest(self, sequence: int) -> bytes:
        """Return one manifest's payload."""
        await self._shelf.faults.before()
        try:
            return self._shelf.place(self._workload).manifests[sequence][1]
        except KeyError:
            raise NotFoundError(f"{self._workload} has no snapshot {sequence}") from None

    async def chunks(self, wanted: Sequence[ChunkRef]) -> AsyncIterator[tuple[ChunkId, bytes]]:
        """Yield each wanted chunk once."""
        for ref in wanted:
            await self._shelf.faults.before()
            found = self._shelf.place(self._workload).chunks.get(ref.id)
            if found is None:
                raise NotFoundError(f"chunk {ref.id} of {self._workload} is not in the stream")
            yield ref.id, found[1]

    async def close(self) -> None:
        """Nothing is held."""


class FakeStream:
    """A Stream in memory."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self.shelf = shelf or Shelf()
        self.access: StreamAccess | None = None

    @property
    def faults(self) -> Faults:
        """What goes wrong; shared by all connections to the shelf."""
        return self.shelf.faults

    async def create(self, workload: str) -> None:
        """Make the workload's place."""
        await self.faults.before()
        self.shelf.places.setdefault(workload, Place())

    async def delete(self, workload: str) -> None:
        """Remove the workload's place."""
        await self.faults.before()
        self.shelf.places.pop(workload, None)

    async def open_writer(self, workload: str, epoch: int) -> FakeWriter:
        """Open the epoch, which fences every lower one."""
        await self.faults.before()
        place = self.shelf.place(workload)
        if place.epoch >= epoch:
            raise FencedError(
                f"epoch {place.epoch} of {workload} is open already, asked for {epoch}",
                next_step="Another instance works on it now: stop.",
            )
        place.epoch = epoch
        return FakeWriter(self.shelf, workload, epoch)

    async def open_reader(self, workload: str) -> FakeReader:
        """Open the workload's place for reading."""
        await self.faults.before()
        self.shelf.place(workload)
        return FakeReader(self.shelf, workload)

    async def discard(self, workload: str, *, manifests: Sequence[int], chunks: Sequence[ChunkRef]) -> None:
        """Forget these manifests and these copies."""
        await self.faults.before()
        place = self.shelf.place(workload)
        for sequence in manifests:
            place.manifests.pop(sequence, None)
        for ref in chunks:
            if place.chunks.get(ref.id, ("", b""))[0] == ref.location:
                del place.chunks[ref.id]

    def renew(self, access: StreamAccess) -> None:
        """Keep the newest credential."""
        self.access = access

    async def close(self) -> None:
        """Nothing is held."""


class FakeStreamHost:
    """A StreamHost in memory: a server that starts when asked, and that a test can `crash`."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self.shelf = shelf or Shelf()
        self._runs = False

    @property
    def identity(self) -> str:
        """Where new workloads go."""
        return "memory:"

    async def ensure(self) -> bool:
        """Start the server unless it runs."""
        if self._runs:
            return False
        self._runs = True
        self.shelf.faults.unreachable = False
        return True

    async def stream(self, workload: str = "") -> FakeStream:
        """Return a connection with the rights to everything."""
        return FakeStream(self.shelf)

    async def access(self, workload: str) -> StreamAccess:
        """Grant one workload's part."""
        return StreamAccess(url="memory:", workload=workload, token=f"token of {workload}")

    async def stop(self) -> None:
        """Stop the server; what is stored stays."""
        self.crash()

    def crash(self) -> None:
        """Have the server die: everything raises UnreachableError until `ensure`."""
        self._runs = False
        self.shelf.faults.unreachable = True
