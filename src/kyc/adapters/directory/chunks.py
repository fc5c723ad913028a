"""Chunks as files: `chunks/ab/<id>.<copy>`; each copy has a name of its own, so that discarding one harms no other.

A copy's name, `ChunkRef.location`, begins with the epoch that it was put in.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from kyc.adapters.directory.files import force, write_beside
from kyc.adapters.directory.log import missing
from kyc.domain.errors import NotFoundError
from kyc.domain.snapshot import ChunkId, ChunkRef


class Chunks:
    """The chunks in one folder. Its methods block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, chunk: ChunkId, payload: bytes, *, epoch: int) -> ChunkRef:
        """Write a copy: whole or not at all, also if we are killed; on the disk itself only once it is settled."""
        copy = f"{epoch}.{token_hex(8)}"
        path = self._path(chunk, copy)
        if not path.parent.is_dir():
            if not self.folder.is_dir():
                raise missing(self.folder.parent.name)
            path.parent.mkdir(exist_ok=True)
        write_beside(path.parent, payload, force=False).replace(path)
        return ChunkRef(id=chunk, stored_bytes=len(payload), location=copy)

    def settle(self, refs: list[ChunkRef]) -> None:
        """Force what these copies hold to the disk."""
        self._force(self._path(ref.id, ref.location) for ref in refs)

    def settle_names(self, refs: list[ChunkRef]) -> None:
        """Force the names of these copies to the disk: then they are safe."""
        self._force([*{self._path(ref.id, ref.location).parent for ref in refs}, self.folder])

    def get(self, ref: ChunkRef) -> bytes:
        """Return the copy, or another one of the same chunk; NotFoundError if there is none."""
        with suppress(FileNotFoundError):
            return self._path(ref.id, ref.location).read_bytes()
        for path in sorted(self._path(ref.id, "").parent.glob(f"{ref.id}.*")):
            with suppress(FileNotFoundError):
                return path.read_bytes()
        raise NotFoundError(f"chunk {ref.id} of {self.folder.parent.name} is not in the stream")

    def discard(self, refs: list[ChunkRef]) -> None:
        """Remove these copies; what is gone already is no error."""
        for ref in refs:
            self._path(ref.id, ref.location).unlink(missing_ok=True)

    def folders(self) -> list[Path]:
        """Return the folders that copies lie in."""
        return sorted(path for path in self.folder.iterdir() if path.is_dir())

    def copies(self, folder: Path, *, before: int) -> list[ChunkRef]:
        """Return the copies in one of the folders that were put in epochs lower than `before`."""
        found = []
        for path in folder.iterdir():
            chunk, _, copy = path.name.partition(".")
            epoch, _, _ = copy.partition(".")
            if chunk and epoch.isdecimal() and int(epoch) < before:
                found.append(ChunkRef(id=ChunkId(chunk), stored_bytes=path.stat().st_size, location=copy))
        return found

    def _force(self, paths: Iterable[Path]) -> None:
        try:
            for path in paths:
                force(path)
        except FileNotFoundError:
            raise missing(self.folder.parent.name) from None

    def _path(self, chunk: str, copy: str) -> Path:
        return self.folder / chunk[:2] / f"{chunk}.{copy}"
