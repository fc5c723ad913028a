"""The master's Maintenance on the engine: see ports.maintenance."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from kyc.planning.retention import Retention
from kyc.ports.maintenance import Copied, Freed, OnCopied, Place
from kyc.snapshot.copy import Copier, Notebook
from kyc.snapshot.gc import collect
from kyc.snapshot.history import verify_all
from kyc.wire.text import legible

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Maintainer:
    """Copies, reads back and frees. `folder` holds the notebooks of copies that were cut off."""

    folder: Path
    retention: Retention
    _swept: dict[str, int] = field(default_factory=dict)  # by workload: the epoch below which there are no strays

    async def copy(self, source: Place, target: Place, *, name: str, epoch: int, on_copied: OnCopied) -> Copied:
        """Bring what the target lacks into it; `name` tells this target from others."""
        return await Copier(source, target, self._notebook(target, name), on_copied).copy(epoch=epoch)

    async def sift(self, target: Place, *, name: str) -> list[str]:
        """Read everything back; take out and name what is not whole, and forget what is believed to be there."""
        reader = await target.stream.open_reader(target.workload)
        try:
            sequences = [ref.sequence for ref in await reader.manifests()]
            found = await verify_all(reader, target.key, target.workload, sequences)
        finally:
            await reader.close()
        flawed = [one.sequence for one in found if not one.is_whole]
        if flawed:
            await target.stream.discard(target.workload, manifests=flawed, chunks=())
            await asyncio.to_thread(self._notebook(target, name).forget)
        told = [f"snapshot {one.sequence}: {one.unreadable}" for one in found if one.unreadable]
        told += [f"snapshot {one.sequence}: {legible(path)}: {why}" for one in found for path, why in one.damaged]
        return told[:_MOST_NAMED]

    def _notebook(self, target: Place, name: str) -> Notebook:
        return Notebook(self.folder / hashlib.sha256(f"{target.workload} {name}".encode()).hexdigest()[:32])

    async def free(self, place: Place, *, now: datetime) -> Freed:
        """Delete what the retention does not keep."""
        swept = self._swept.get(place.workload, 0)
        gone = await collect(place.stream, place.workload, place.key, self.retention, now=now, swept=swept)
        self._swept[place.workload] = gone.swept
        return Freed(snapshots=len(gone.snapshots), chunks=gone.chunks, stored_bytes=gone.stored_bytes)
