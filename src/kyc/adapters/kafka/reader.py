"""Reading one workload's snapshots from Kafka: the log through, and the chunks in the order they lie in the topic."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing

from kyc.adapters.kafka.cluster import Cluster
from kyc.adapters.kafka.lane import Lane
from kyc.adapters.kafka.layout import Place, place_of, runs_of
from kyc.adapters.kafka.log import Runs
from kyc.adapters.kafka.scan import Scan
from kyc.adapters.kafka.stray import StraySearch
from kyc.domain.errors import DamagedDataError, NotFoundError
from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.ports.stream import Copy, ManifestRef


class KafkaReader:
    """A CopyReader on Kafka. It joins no consumer group: what is read depends on nothing that the broker keeps."""

    def __init__(self, cluster: Cluster, place: Place) -> None:
        self._cluster = cluster
        self._place = place

    async def manifests(self) -> list[ManifestRef]:
        """List the committed manifests, oldest first."""
        log = await self._cluster.log(self._place)
        return [
            ManifestRef(sequence=sequence, epoch=manifest.epoch, stored_bytes=manifest.size)
            for sequence, (_, manifest) in sorted(log.manifests.items())
        ]

    async def manifest(self, sequence: int) -> bytes:
        """Return a manifest, put together and checked against its digest."""
        log = await self._cluster.log(self._place)
        if sequence not in log.manifests:
            raise NotFoundError(f"{self._place.workload} has no snapshot {sequence}")
        manifest = log.manifests[sequence][1]
        payload = manifest.body
        if manifest.parts:
            parts = {part.offset: part.key for part in manifest.parts}
            found = {key: value async for key, value in self._scan(parts)}
            payload = b"".join(found[part.key] for part in manifest.parts)
        if hashlib.blake2b(payload, digest_size=16).digest() != manifest.digest:
            raise DamagedDataError(f"snapshot {sequence} of {self._place.workload} is damaged in the stream")
        return payload

    async def chunks(self, wanted: Sequence[ChunkRef]) -> AsyncIterator[tuple[ChunkId, bytes]]:
        """Yield each wanted chunk once, with at most 32 MB in flight."""
        discarded = (await self._cluster.log(self._place)).discarded()
        places: dict[int, bytes] = {}
        ids: dict[bytes, ChunkId] = {}
        for ref in wanted:
            offset, key = place_of(ref)
            if offset in discarded or places.get(offset, key) != key or offset < 0:
                raise self._missing(ref.id)
            places[offset] = key
            ids[key] = ref.id
        async with aclosing(self._scan(places)) as records:
            async for key, value in records:
                yield ids[key], value

    async def strays(self, named: Collection[Copy], *, before: int) -> AsyncIterator[ChunkRef]:
        """Yield the copies of lower epochs that are not named, nor a manifest's parts, nor waiting to be compacted."""
        log = await self._cluster.log(self._place)
        offsets = {place_of(ChunkRef(id=chunk, stored_bytes=0, location=location))[0] for chunk, location in named}
        offsets |= {part.offset for _, manifest in log.manifests.values() for part in manifest.parts}
        known = Runs((*runs_of(offsets), *(run for note in log.discards.values() for run in note.runs)))
        search = StraySearch(self._cluster.address, self._place.chunk_topic, known)
        lane = Lane("kyc-kafka-strays")
        try:
            while not search.done:
                for ref, epoch in await lane.run(search.next):
                    if epoch < before:
                        yield ref
        finally:
            await lane.close(search.close)

    async def close(self) -> None:
        """Nothing is held: the connection is the stream's."""

    async def _scan(self, wanted: Mapping[int, bytes]) -> AsyncGenerator[tuple[bytes, bytes], None]:
        """Yield the wanted records of the chunk topic; raise NotFoundError for one that is not there."""
        scan = Scan(self._cluster.address, self._place.chunk_topic, wanted)
        lane = Lane("kyc-kafka-scan")
        try:
            while not scan.done:
                for key, value in await lane.run(scan.next):
                    yield key, value
                for key in scan.missing:
                    raise self._missing(key.decode().partition("/")[0])
        finally:
            await lane.close(scan.close)

    def _missing(self, chunk: str) -> NotFoundError:
        return NotFoundError(f"chunk {chunk} of {self._place.workload} is not in the stream")
