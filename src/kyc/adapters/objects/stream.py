"""The stream in an object store: `ObjectsStream(address)` for one credential, the master's or one workload's."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from kyc.adapters.objects.address import Address, address_of
from kyc.adapters.objects.bucket import Bucket
from kyc.adapters.objects.layout import Place, Record, decode_record, encode_record
from kyc.adapters.objects.log import require, tail
from kyc.adapters.objects.reader import ObjectsReader
from kyc.adapters.objects.together import together
from kyc.adapters.objects.writer import ObjectsWriter
from kyc.domain.errors import NotFoundError, UnreachableError
from kyc.domain.snapshot import ChunkRef, StreamAccess

_DELETES_AT_ONCE = 16


class ObjectsStream:
    """A Stream in a bucket. The bucket itself must be there."""

    def __init__(self, address: Address) -> None:
        self._bucket = Bucket(address)
        self._unsure: dict[tuple[str, int], bytes] = {}  # the names under which an epoch may be open already

    async def create(self, workload: str) -> None:
        """Make the workload's place."""
        await self._bucket.create(Place(workload).mark, b"")

    async def delete(self, workload: str) -> None:
        """Remove it with everything in it; what is half deleted is not there."""
        place = Place(workload)
        await self._bucket.delete([place.mark])
        await self._remove([name async for name in self._bucket.names(place.all)])

    async def open_writer(self, workload: str, epoch: int) -> ObjectsWriter:
        """Open the epoch. After an UnreachableError this connection, and no other, may try the same epoch again."""
        place = Place(workload)
        await require(self._bucket, place)
        name = self._unsure.pop((workload, epoch), None) or secrets.token_bytes(12)
        writer = ObjectsWriter(self._bucket, place, epoch, name)
        try:
            await writer.open()
        except UnreachableError:
            self._unsure[workload, epoch] = name
            raise
        return writer

    async def open_reader(self, workload: str) -> ObjectsReader:
        """Open the workload's place for reading."""
        place = Place(workload)
        await require(self._bucket, place)
        return ObjectsReader(self._bucket, place)

    async def discard(self, workload: str, *, manifests: Sequence[int], chunks: Sequence[ChunkRef]) -> None:
        """Delete these manifests with their bodies, then these copies of chunks."""
        place = Place(workload)
        await require(self._bucket, place)
        last, _ = await tail(self._bucket, place)
        for sequence in manifests:
            await self._discard_manifest(place, sequence, is_last=sequence >= last)
        await self._remove([place.copy(ref.id, ref.location) for ref in chunks])

    def renew(self, access: StreamAccess) -> None:
        """Sign in with another credential from now on."""
        self._bucket.renew(address_of(access))

    async def close(self) -> None:
        """Nothing is held."""

    async def _discard_manifest(self, place: Place, sequence: int, *, is_last: bool) -> None:
        """Delete it; of the log's last entry leave the number, which says where the next one goes."""
        try:
            record = decode_record(await self._bucket.get(place.entry(sequence)))
        except NotFoundError:
            return
        if not record.is_manifest:
            return
        if is_last:
            stub = Record(version=1, epoch=record.epoch, writer=record.writer, number=record.number)
            await self._bucket.put(place.entry(sequence), encode_record(stub))
        else:
            await self._bucket.delete([place.entry(sequence)])
        if record.body:
            await self._bucket.delete([record.body])

    async def _remove(self, names: Sequence[str]) -> None:
        await together((self._bucket.delete([name]) for name in names), at_once=_DELETES_AT_ONCE)
