"""Reading wanted records of a topic in the order of their offsets: straight through, a leap over what is far away."""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from kyc.adapters.kafka.address import Address
from kyc.adapters.kafka.log import consumer_settings
from kyc.adapters.kafka.trouble import Trouble, client_of, translate

_OUT_OF_RANGE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}
_POLL_S = 0.1
_AT_ONCE = 16  # records handed over together, at most 16 MB
_LEAP = 48  # records: reading over fewer costs less than asking anew
_PREFETCH_KB = 16_384


class Scan:
    """One pass over a topic. Every method blocks; they are for one thread.

    `wanted` is key by offset. `missing` holds the keys that turned out not to be there.
    """

    def __init__(self, address: Address, topic: str, wanted: Mapping[int, bytes]) -> None:
        self.missing: set[bytes] = set()
        self._topic = topic
        self._wanted = wanted
        self._ahead = sorted(wanted, reverse=True)
        self._timeout_s = address.timeout_s
        self._trouble = Trouble()
        settings = address.client(
            isolation_level="read_uncommitted",  # what is wanted is named by a committed manifest
            enable_partition_eof=True,
            fetch_wait_max_ms=10,
            fetch_message_max_bytes=8_000_000,
            queued_max_messages_kbytes=_PREFETCH_KB,
            fetch_queue_backoff_ms=5,  # by default it rests for a second whenever we are the slower ones
            error_cb=self._trouble,
            **consumer_settings(address),
        )
        self._consumer: Consumer | None = client_of(Consumer, settings)
        if self._ahead:
            self._go_to(self._ahead[-1])

    @property
    def done(self) -> bool:
        """Whether everything that was wanted has been handed over or is missing."""
        return not self._ahead

    def next(self) -> list[tuple[bytes, bytes]]:
        """Return the next wanted records (key, value) in order; wait for at least one, unless none is left.

        UnreachableError if the brokers send nothing for the address's timeout, NotFoundError for a topic that is gone.
        """
        progress_at = time.monotonic()
        found: list[tuple[bytes, bytes]] = []
        while self._ahead and not found:
            messages = self._poll()
            if messages:
                progress_at = time.monotonic()
            elif self._trouble.is_final(self._topic) or time.monotonic() - progress_at > self._timeout_s:
                raise self._trouble.timed_out(f"reading {self._topic}", self._topic)
            at = -1
            for message in messages:
                at = self._take(message, found)
            if self._ahead and at >= 0 and self._ahead[-1] - at > _LEAP:
                self._go_to(self._ahead[-1])
        return found

    def first(self) -> int:
        """Return where the first record at or after the first wanted offset lies; -1 if there is none."""
        give_up_at = time.monotonic() + self._timeout_s
        while not (messages := self._poll()):
            if time.monotonic() > give_up_at:
                raise self._trouble.timed_out(f"reading {self._topic}", self._topic)
        offset = messages[0].offset()
        return -1 if messages[0].error() is not None or offset is None else offset

    def close(self) -> None:
        """Hang up."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _poll(self) -> list[Message[bytes, bytes]]:
        assert self._consumer is not None
        first = self._consumer.poll(_POLL_S)
        return [first, *self._consumer.consume(_AT_ONCE - 1, 0)] if first is not None else []

    def _take(self, message: Message[bytes, bytes], found: list[tuple[bytes, bytes]]) -> int:
        """Take what is wanted from a message, and return where it lies; -1 for what is not a record."""
        at = message.offset()
        assert at is not None
        if (error := message.error()) is not None:
            self._take_error(error, at)
            return -1
        self._miss_before(at)
        if self._ahead and self._ahead[-1] == at:
            key, value = message.key() or b"", message.value()
            if key == self._wanted[at] and value is not None:
                self._ahead.pop()
                found.append((key, value))
            else:
                self._miss()
        return at

    def _take_error(self, error: KafkaError, at: int) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            self._miss_before(at)
            if self._ahead and self._ahead[-1] >= self._end():
                self._miss_before(self._ahead[0] + 1)
        elif error.code() in _OUT_OF_RANGE:
            if self._ahead:
                self._miss()
            if self._ahead:
                self._go_to(self._ahead[-1])
        else:
            raise translate(error, f"reading {self._topic}")

    def _end(self) -> int:
        """Return where the topic ends. A consumer may see an earlier end for a moment after the leader has changed."""
        assert self._consumer is not None
        try:
            ends = self._consumer.get_watermark_offsets(TopicPartition(self._topic, 0), self._timeout_s)
        except KafkaException as failed:
            raise translate(failed.args[0], f"reading {self._topic}") from failed
        if ends is None:
            raise self._trouble.timed_out(f"reading {self._topic}", self._topic)
        return ends[1]

    def _miss_before(self, offset: int) -> None:
        while self._ahead and self._ahead[-1] < offset:
            self._miss()

    def _miss(self) -> None:
        self.missing.add(self._wanted[self._ahead.pop()])

    def _go_to(self, offset: int) -> None:
        assert self._consumer is not None
        self._consumer.assign([TopicPartition(self._topic, 0, offset)])


def is_at(address: Address, topic: str, offset: int) -> bool:
    """Say whether the topic still has the record at this offset. Blocks."""
    scan = Scan(address, topic, {offset: b""})
    try:
        return scan.first() == offset
    finally:
        scan.close()
