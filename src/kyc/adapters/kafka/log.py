"""A workload's log as it stands: read through from its start, committed transactions only."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from kyc.adapters.kafka.address import Address
from kyc.adapters.kafka.layout import Committed, Discarded, Opened, Place, decode_record
from kyc.adapters.kafka.trouble import Trouble, client_of, translate

_POLL_S = 0.1


@dataclass(slots=True)
class Log:
    """What the log says: the newest epoch, the manifests by offset, each with its key, and the pending discards."""

    opened: Opened | None = None
    manifests: dict[int, tuple[bytes, Committed]] = field(default_factory=dict)
    discards: dict[bytes, Discarded] = field(default_factory=dict)

    def apply(self, offset: int, key: bytes, value: bytes | None) -> None:
        """Take in the next record; one without a value takes back the one of the same key."""
        match decode_record(value) if value is not None else None:
            case Opened() as opened:
                self.opened = opened
            case Committed() as manifest:
                self.manifests[offset] = (key, manifest)
            case Discarded() as discard:
                self.discards[key] = discard
            case None:
                self.discards.pop(key, None)
                gone = [at for at, (name, _) in self.manifests.items() if name == key]
                for at in gone:
                    del self.manifests[at]

    def discarded(self) -> Runs:
        """Return which offsets of the chunks were discarded."""
        return Runs(run for discard in self.discards.values() for run in discard.runs)


class Runs:
    """A set of numbers, as runs (first, count), which may overlap."""

    def __init__(self, runs: Iterable[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, count in sorted(runs):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], start + count)
            else:
                self._starts.append(start)
                self._ends.append(start + count)

    def __contains__(self, number: int) -> bool:
        return self.after(number) != number

    def after(self, number: int) -> int:
        """Return the first number from this one on that is not in the set."""
        at = bisect_right(self._starts, number) - 1
        return max(number, self._ends[at]) if at >= 0 else number


class LogReader:
    """A consumer that reads logs, one at a time. Every method blocks; they are for one thread."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._trouble = Trouble()
        self._timeout_s = address.timeout_s
        settings = address.client(
            isolation_level="read_committed",
            enable_partition_eof=True,
            fetch_wait_max_ms=10,
            error_cb=self._trouble,
            **consumer_settings(address) | {"auto_offset_reset": "earliest"},
        )
        self._consumer = client_of(Consumer, settings)
        self._known: set[str] = set()

    def read(self, place: Place) -> Log:
        """Read the whole log; NotFoundError without a topic, UnreachableError if nothing comes for the timeout."""
        log = Log()
        with self._at(place, 0):
            while (message := self._next(place)) is not None:
                offset, key = message.offset(), message.key()
                assert offset is not None
                log.apply(offset, key or b"", message.value())
        return log

    def wait_for(self, place: Place, offset: int) -> None:
        """Return once the log's record at this offset, or a later one, is to be read; raises as `read` does."""
        give_up_at = time.monotonic() + self._timeout_s
        with self._at(place, offset):
            while self._next(place) is None:
                if time.monotonic() > give_up_at:
                    raise self._trouble.timed_out(f"waiting for a snapshot of {place.workload}")

    def _next(self, place: Place) -> Message[bytes, bytes] | None:
        """Return the next record; None at the end of what is committed."""
        doing = f"reading the snapshots of {place.workload}"
        give_up_at = time.monotonic() + self._timeout_s
        while (message := self._consumer.poll(_POLL_S)) is None:
            if self._trouble.is_final(place.log_topic) or time.monotonic() > give_up_at:
                raise self._trouble.timed_out(doing, place.log_topic)
        error = message.error()
        if error is None:
            return message
        if error.code() == KafkaError._PARTITION_EOF:
            return None
        raise translate(error, doing)

    @contextmanager
    def _at(self, place: Place, offset: int) -> Iterator[None]:
        """Read this log from the offset on; not beyond the call: the topic may be deleted before the next one."""
        self._introduce(place.log_topic)
        self._consumer.assign([TopicPartition(place.log_topic, 0, offset)])
        try:
            yield
        finally:
            self._consumer.unassign()

    def close(self) -> None:
        """Hang up."""
        self._consumer.close()

    def _introduce(self, topic: str) -> None:
        """Have the consumer learn of a topic now: by itself it asks for new ones once a second."""
        if topic in self._known:
            return
        doing = f"asking for {topic}"
        try:
            error = self._consumer.list_topics(topic, self._timeout_s).topics[topic].error
        except KafkaException as failed:
            refused = self._trouble.refused is not None
            raise (self._trouble.timed_out(doing) if refused else translate(failed.args[0], doing)) from failed
        if error is not None:
            raise translate(error, doing)
        self._known.add(topic)


def consumer_settings(address: Address) -> dict[str, object]:
    """Return what every consumer of ours has: it reads what it is told to, joins no group and commits nothing."""
    return {
        "group_id": address.group,
        "enable_auto_commit": False,
        "enable_auto_offset_store": False,
        "allow_auto_create_topics": False,
        "auto_offset_reset": "error",
    }
