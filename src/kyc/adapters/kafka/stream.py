"""The stream on Apache Kafka: `KafkaStream(address)` for one credential, the master's or one workload's."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress

from kyc.adapters.kafka.address import Address, address_of
from kyc.adapters.kafka.cluster import Cluster
from kyc.adapters.kafka.garbage import discard
from kyc.adapters.kafka.layout import Place
from kyc.adapters.kafka.reader import KafkaReader
from kyc.adapters.kafka.user import CannotGrantError, Users
from kyc.adapters.kafka.writer import KafkaWriter
from kyc.domain.errors import UnreachableError
from kyc.domain.snapshot import ChunkRef, StreamAccess


class KafkaStream:
    """A Stream on Kafka. It connects at the first call, and again after a broker was lost; `close` hangs up."""

    def __init__(self, address: Address) -> None:
        self._cluster = Cluster(address)
        self._unsure: dict[tuple[str, int], bytes] = {}  # the names under which an epoch may be open already

    async def create(self, workload: str) -> None:
        """Make both of the workload's topics, the log last: it is there only if all is."""
        for topic in self._place(workload).topics:
            await self._cluster.create(topic)

    async def delete(self, workload: str) -> None:
        """Remove its agents' users, then both topics, the log first: what is half deleted is not there."""
        with suppress(CannotGrantError):  # then none was made
            await Users(self._cluster).remove(lambda user: user.workload == workload)
        for topic in reversed(self._place(workload).topics):
            await self._cluster.delete(topic)

    async def open_writer(self, workload: str, epoch: int) -> KafkaWriter:
        """Open the epoch. After an UnreachableError this connection, and no other, may try the same epoch again."""
        place = self._place(workload)
        await self._cluster.require(place)
        name = self._unsure.pop((workload, epoch), None) or secrets.token_bytes(12)
        writer = KafkaWriter(self._cluster, place, epoch, name)
        opened = False
        try:
            await writer.open()
            opened = True
        except UnreachableError:
            self._unsure[workload, epoch] = name
            raise
        finally:
            if not opened:
                await writer.close()
        return writer

    async def open_reader(self, workload: str) -> KafkaReader:
        """Open the workload's place for reading."""
        place = self._place(workload)
        await self._cluster.require(place)
        return KafkaReader(self._cluster, place)

    async def discard(self, workload: str, *, manifests: Sequence[int], chunks: Sequence[ChunkRef]) -> None:
        """Forget these manifests, then these copies; the broker frees their room when it compacts."""
        place = self._place(workload)
        await self._cluster.require(place)
        await discard(self._cluster, place, manifests, chunks)

    def renew(self, access: StreamAccess) -> None:
        """Sign in with another credential from the next call on; those under way finish on the one they have."""
        self._cluster.renew(address_of(access))

    async def close(self) -> None:
        """Hang up."""
        await self._cluster.close()

    def _place(self, workload: str) -> Place:
        return Place(self._cluster.address.prefix, workload)
