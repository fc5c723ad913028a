"""Entries on their way into the listing: in order, and each only when every chunk that it needs is in the stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kyc.domain.snapshot import ChunkId, ChunkRef, Entry
from kyc.snapshot.listing import Built, ListingBuilder, Signature


@dataclass(slots=True)
class Waiting:
    """An entry at its place in the order; None until its pack is closed. `known` of its pieces are in the stream."""

    entry: Entry | None
    signature: Signature
    known: int = 0

    def is_ready(self, stored: Mapping[ChunkId, ChunkRef | None]) -> bool:
        """Say whether all its chunks have a place by now."""
        if self.entry is None:
            return False
        pieces = self.entry.pieces
        while self.known < len(pieces) and stored[pieces[self.known].chunk] is not None:
            self.known += 1
        return self.known == len(pieces)


class EntryQueue:
    """A queue that turns into pages at its head."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._builder = ListingBuilder()

    def __len__(self) -> int:
        return len(self._waiting)

    def append(self, entry: Entry | None, signature: Signature) -> Waiting:
        """Give an entry its place; one of None is filled in later."""
        waiting = Waiting(entry, signature)
        self._waiting.append(waiting)
        return waiting

    def drain(self, stored: Mapping[ChunkId, ChunkRef | None]) -> Iterator[Built]:
        """Yield the pages that can be built by now."""
        while self._waiting and self._waiting[0].is_ready(stored):
            head = self._waiting.popleft()
            assert head.entry is not None
            yield from self._builder.add(head.entry, head.signature, stored)

    def finish(self, stored: Mapping[ChunkId, ChunkRef | None]) -> Iterator[Built]:
        """Yield all pages that are left; every chunk has a place now."""
        yield from self.drain(stored)
        assert not self._waiting, "a chunk of an entry is not in the stream"
        yield from self._builder.finish()
