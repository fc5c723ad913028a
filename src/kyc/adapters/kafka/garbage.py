"""Discarding: tombstones, which the broker's compaction turns into free room, and a note for readers until it has.

Not DeleteRecords: it can only cut off the oldest part of a topic, and with chunks that later snapshots share the oldest
part always holds some that are needed. Compaction frees what lies between them too, and offsets survive it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kyc.adapters.kafka.cluster import Cluster
from kyc.adapters.kafka.lane import Lane
from kyc.adapters.kafka.layout import Discarded, Place, encode_record, place_of, runs_of
from kyc.adapters.kafka.log import Log
from kyc.adapters.kafka.scan import is_at
from kyc.domain.snapshot import ChunkRef

_TOMBSTONES_AT_ONCE = 20_000  # so that their note fits into a message


async def discard(cluster: Cluster, place: Place, manifests: Sequence[int], chunks: Sequence[ChunkRef]) -> None:
    """Forget manifests, their parts, and copies of chunks. What is gone already is no error; repeating it is safe."""
    log = await cluster.log(place)
    doomed = [log.manifests[sequence] for sequence in manifests if sequence in log.manifests]
    await cluster.append(place, place.log_topic, [(key, None) for key, _ in doomed])
    copies = {part.offset: part.key for _, manifest in doomed for part in manifest.parts}
    copies |= dict(place_of(ref) for ref in chunks)
    await _bury(cluster, place, [(at, key) for at, key in sorted(copies.items()) if at not in log.discarded()])
    await _forget_compacted(cluster, place, log)


async def _bury(cluster: Cluster, place: Place, copies: Sequence[tuple[int, bytes]]) -> None:
    for start in range(0, len(copies), _TOMBSTONES_AT_ONCE):
        some = copies[start : start + _TOMBSTONES_AT_ONCE]
        until = await cluster.bury(place, [key for _, key in some])
        note = Discarded(runs=runs_of(at for at, _ in some), until=until)
        await cluster.append(place, place.log_topic, [(f"d/{until}".encode(), encode_record(note))])


async def _forget_compacted(cluster: Cluster, place: Place, log: Log) -> None:
    """Take back the notes whose tombstones are gone: compaction removes a tombstone after what it stands for."""
    lane = Lane("kyc-kafka-probe")
    try:
        for key, note in log.discards.items():
            if not await lane.run(partial(is_at, cluster.address, place.chunk_topic, note.until)):
                await cluster.append(place, place.log_topic, [(key, None)])
    finally:
        await lane.close()
