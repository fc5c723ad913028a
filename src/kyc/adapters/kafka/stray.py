"""Looking for records of the chunks that nobody names: straight through the topic, a leap over what is named."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from kyc.adapters.kafka.address import Address
from kyc.adapters.kafka.log import Runs, consumer_settings
from kyc.adapters.kafka.trouble import Trouble, client_of, translate
from kyc.domain.snapshot import ChunkId, ChunkRef

_POLL_S = 0.1
_AT_ONCE = 64
_LEAP = 48  # records: reading over fewer costs less than asking anew
_PREFETCH_KB = 4096


class StraySearch:
    """One pass over a topic of chunks, but for the `named` offsets. Every method blocks; they are for one thread."""

    def __init__(self, address: Address, topic: str, named: Runs) -> None:
        self.done = False
        self._topic = topic
        self._named = named
        self._timeout_s = address.timeout_s
        self._trouble = Trouble()
        settings = address.client(
            isolation_level="read_uncommitted",
            enable_partition_eof=True,
            fetch_wait_max_ms=10,
            queued_max_messages_kbytes=_PREFETCH_KB,
            error_cb=self._trouble,
            **consumer_settings(address) | {"auto_offset_reset": "earliest"},
        )
        self._consumer = client_of(Consumer, settings)
        self._go_to(named.after(0))

    def next(self) -> list[tuple[ChunkRef, int]]:
        """Return the next strays, each with the epoch it was put in; perhaps none. `done` once there are no more.

        UnreachableError if the brokers send nothing for the address's timeout, NotFoundError for a topic that is gone.
        """
        give_up_at = time.monotonic() + self._timeout_s
        while not (messages := self._consumer.consume(_AT_ONCE, _POLL_S)):
            if self._trouble.is_final(self._topic) or time.monotonic() > give_up_at:
                raise self._trouble.timed_out(f"reading {self._topic}", self._topic)
        found: list[tuple[ChunkRef, int]] = []
        for message in messages:
            at = message.offset()
            if (error := message.error()) is not None:
                self._take_error(error)
            elif at is not None and self._named.after(at) == at and (stray := _stray(message, at)):
                found.append(stray)
        last = messages[-1].offset()
        if not self.done and last is not None and self._named.after(last + 1) - last > _LEAP:
            self._go_to(self._named.after(last + 1))
        return found

    def close(self) -> None:
        """Hang up."""
        self._consumer.close()

    def _take_error(self, error: KafkaError) -> None:
        if error.code() != KafkaError._PARTITION_EOF:
            raise translate(error, f"reading {self._topic}")
        self.done = True

    def _go_to(self, offset: int) -> None:
        self._consumer.assign([TopicPartition(self._topic, 0, offset)])


def _stray(message: Message[bytes, bytes], at: int) -> tuple[ChunkRef, int] | None:
    """Return a copy and its epoch; None for a tombstone, and for what is not ours."""
    key, value = message.key(), message.value()
    chunk, _, tag = (key or b"").decode(errors="replace").partition("/")
    epoch, _, _ = tag.partition(".")
    if value is None or not epoch.isdecimal():
        return None
    return ChunkRef(id=ChunkId(chunk), stored_bytes=len(value), location=f"{at}/{tag}"), int(epoch)
