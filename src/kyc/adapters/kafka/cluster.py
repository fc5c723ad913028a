"""The connection that a stream's writers and readers share: topics, the log, and the sender of chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar
from weakref import WeakSet

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, but not by name
    AdminClient,
    NewTopic,
    TopicDescription,
)

from kyc.adapters.kafka.address import Address
from kyc.adapters.kafka.lane import Lane
from kyc.adapters.kafka.layout import Place, topic_settings
from kyc.adapters.kafka.log import Log, LogReader
from kyc.adapters.kafka.sender import DeliveryError, Sender
from kyc.adapters.kafka.trouble import NO_TOPIC, PURGED, Trouble, client_of, translate
from kyc.domain.errors import KycError, NotFoundError, UnreachableError

T = TypeVar("T")
_FIRST_PAUSE_S = 0.002
_LONGEST_PAUSE_S = 0.1
_LOOK_S = 0.2


class Cluster:
    """A connection with one credential at a time, made at its first use; `close` ends its threads.

    After `renew` each client is made anew when it is next needed: one that stays signed in with a user who is removed
    one day would be refused. What is under way ends on the old one.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._trouble = Trouble()
        self._admin: AdminClient | None = None
        self._lane: Lane | None = None
        self._log_reader: LogReader | None = None
        self._sender: Sender | None = None
        self._leaving: WeakSet[Sender] = WeakSet()  # those that end by themselves

    async def send(self, topic: str, key: bytes, value: bytes | None) -> int:
        """Append a record outside of a transaction, and return its offset; raises as `Sender.send` does."""
        if self._sender is None:
            self._sender = Sender(self.address)
        return await self._sender.send(topic, key, value)

    def renew(self, address: Address) -> None:
        """Go on with another credential."""
        if address == self.address:
            return
        self.address, self._admin = address, None
        if self._sender is not None:
            self._sender.retire()
            self._leaving.add(self._sender)
            self._sender = None

    async def log(self, place: Place) -> Log:
        """Read the workload's log."""
        return await self._read(place, lambda reader: reader.read(place))

    async def has(self, topic: str) -> bool:
        """Say whether the topic exists."""
        try:
            await self.describe(topic)
        except NotFoundError:
            return False
        return True

    async def describe(self, topic: str) -> TopicDescription:
        """Return what the cluster says of a topic; NotFoundError without one."""
        found = self.admin.describe_topics(TopicCollection([topic]), request_timeout=self.address.timeout_s)
        return await self.answer(found[topic], f"describing {topic}")

    async def require(self, place: Place) -> None:
        """Raise NotFoundError unless both topics of the workload exist."""
        for topic in place.topics:
            if not await self.has(topic):
                raise NotFoundError(
                    f"the stream has no place for {place.workload}: there is no topic {topic}",
                    next_step="Create it first. If somebody deleted the topic, its snapshots are gone: start anew.",
                )

    async def create(self, topic: str) -> None:
        """Make the topic if it is not there, and return when it can be used."""
        new = NewTopic(topic, 1, self.address.replication, config=topic_settings(topic))
        made = self.admin.create_topics([new], request_timeout=self.address.timeout_s)
        await self._unless(KafkaError.TOPIC_ALREADY_EXISTS, made[topic], f"creating {topic}")
        await self.until(lambda: self.has(topic), f"creating {topic}")

    async def delete(self, topic: str) -> None:
        """Remove the topic if it is there, and return when it cannot be seen any more."""
        deleted = self.admin.delete_topics([topic], request_timeout=self.address.timeout_s)
        await self._unless(KafkaError.UNKNOWN_TOPIC_OR_PART, deleted[topic], f"deleting {topic}")

        async def is_gone() -> bool:
            return not await self.has(topic)

        await self.until(is_gone, f"deleting {topic}")

    async def visible(self, place: Place, offset: int) -> None:
        """Return once readers of committed records see the log's record at `offset`.

        The broker answers a commit when it has decided it, a moment before it has told the topic's partition.
        """
        await self._read(place, lambda reader: reader.wait_for(place, offset))

    async def until(self, holds: Callable[[], Awaitable[bool]], doing: str) -> None:
        """Ask again and again until it holds; an error of ours if that takes too long."""
        pause_s = _FIRST_PAUSE_S
        try:
            async with asyncio.timeout(self.address.timeout_s):
                while not await holds():
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        except TimeoutError:
            raise self._trouble.timed_out(doing) from None

    async def bury(self, place: Place, keys: Sequence[bytes]) -> int:
        """Write tombstones for these keys of chunks, and return the highest of their offsets; -1 for no keys."""
        return max(await self.append(place, place.chunk_topic, [(key, None) for key in keys]), default=-1)

    async def append(self, place: Place, topic: str, records: Sequence[tuple[bytes, bytes | None]]) -> list[int]:
        """Append records outside of a transaction, and return their offsets."""
        waiting = [asyncio.ensure_future(self.send(topic, key, value)) for key, value in records]
        try:
            return await asyncio.gather(*waiting)
        except DeliveryError as failed:
            raise await self.why(failed, place) from failed
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def why(self, failed: DeliveryError, place: Place) -> KycError:
        """Return our error for a record that was not acknowledged."""
        doing = f"storing chunks of {place.workload}"
        if failed.error.code() in NO_TOPIC | PURGED:
            return await self.explained(failed.trouble.timed_out(doing), place)
        return translate(failed.error, doing)

    async def explained(self, error: KycError, place: Place) -> KycError:
        """Return the better reason for an UnreachableError, if it is that somebody deleted the workload's topics."""
        if not isinstance(error, UnreachableError):
            return error
        try:
            await self.require(place)
        except NotFoundError as missing:
            return missing
        except KycError:
            return error
        return error

    async def close(self) -> None:
        """Hang up."""
        for sender in [*self._leaving, *([] if self._sender is None else [self._sender])]:
            await sender.close()
        if self._lane is not None:
            await self._lane.close(self._close_log)
        self._sender = self._lane = self._admin = None

    @property
    def admin(self) -> AdminClient:
        """The administration's client: its calls return futures for `answer`."""
        if self._admin is None:
            self._admin = client_of(AdminClient, self.address.client(error_cb=self._trouble))  # type: ignore[arg-type]
        return self._admin

    async def answer(self, future: Future[T], doing: str) -> T:
        """Wait for an answer to the admin client, and translate what went wrong."""
        try:
            return await self.wait(future, doing)
        except KafkaException as failed:
            raise self._trouble.translate(failed.args[0], doing) from failed

    async def wait(self, future: Future[T], doing: str) -> T:
        """Wait for an answer; KafkaException for what went wrong, CredentialError at once if we may not sign in."""
        admin = self.admin  # held: a renewal lets go of it
        waiting = asyncio.wrap_future(future)
        waiting.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # also if nobody waits any more
        while not (await asyncio.wait({waiting}, timeout=_LOOK_S))[0]:
            admin.poll(0)  # serves `_trouble`
            if self._trouble.refused is not None:
                raise self._trouble.timed_out(doing)
        return waiting.result()

    async def _unless(self, expected: int, future: Future[None], doing: str) -> None:
        try:
            await self.wait(future, doing)
        except KafkaException as failed:
            if failed.args[0].code() != expected:
                raise self._trouble.translate(failed.args[0], doing) from failed

    async def _read(self, place: Place, call: Callable[[LogReader], T]) -> T:
        if self._lane is None:
            self._lane = Lane("kyc-kafka-log")
        try:
            return await self._lane.run(lambda: self._read_now(call))
        except UnreachableError as error:
            raise await self.explained(error, place) from error

    def _read_now(self, call: Callable[[LogReader], T]) -> T:
        if self._log_reader is not None and self._log_reader.address != self.address:
            self._close_log()
        if self._log_reader is None:
            self._log_reader = LogReader(self.address)
        try:
            return call(self._log_reader)
        except KycError:
            self._close_log()  # what it has learned about the cluster may not hold for the next call
            raise

    def _close_log(self) -> None:
        if self._log_reader is not None:
            self._log_reader.close()
            self._log_reader = None
