"""A workload's log as it stands: read through from its start, committed transactions only."""

from __future__ import annotations

import time
from bisect import bisect_right
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from kyc.adapters.kafka.address import Address
from kyc.adapters.kafka.layout import Committed, Discarded, Opened, Place, decode_record
from kyc.adapters.kafka.trouble import Trouble, translate

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
        return Runs([run for discard in self.discards.values() for run in discard.runs])


class Runs:
    """A set of numbers, as runs (first, count)."""

    def __init__(self, runs: list[tuple[int, int]]) -> None:
        self._runs = sorted(runs)
        self._starts = [start for start, _ in self._runs]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number < sum(self._runs[at])


class LogReader:
    """A consumer that reads logs, one at a time. Every method blocks; they are for one thread."""

    def __init__(self, address: Address) -> None:
        self._trouble = Trouble()
        self._timeout_s = address.timeout_s
        settings = address.client(
            isolation_level="read_committed",
            enable_partition_eof=True,
            fetch_wait_max_ms=10,
            error_cb=self._trouble,
            **consumer_settings(address),
        )
        self._consumer = Consumer(settings)
        self._known: set[str] = set()

    def read(self, place: Place) -> Log:
        """Read the whole log; NotFoundError without a topic, UnreachableError if nothing comes for the timeout."""
        log = Log()
        self._introduce(place.log_topic)
        self._consumer.assign([TopicPartition(place.log_topic, 0, OFFSET_BEGINNING)])
        progress_at = time.monotonic()
        while True:
            message = self._consumer.poll(_POLL_S)
            doing = f"reading the snapshots of {place.workload}"
            if message is None:
                if self._trouble.refused or time.monotonic() - progress_at > self._timeout_s:
                    raise self._trouble.timed_out(doing)
                continue
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    return log
                raise translate(error, doing)
            progress_at = time.monotonic()
            offset, key = message.offset(), message.key()
            assert offset is not None
            log.apply(offset, key or b"", message.value())

    def close(self) -> None:
        """Hang up."""
        self._consumer.close()

    def _introduce(self, topic: str) -> None:
        """Have the consumer learn of a topic now: by itself it asks for new ones once a second."""
        if topic not in self._known:
            try:
                self._consumer.list_topics(topic, self._timeout_s)
            except KafkaException as failed:
                if self._trouble.refused is not None:
                    raise self._trouble.timed_out(f"asking for {topic}") from failed
                raise translate(failed.args[0], f"asking for {topic}") from failed
            self._known.add(topic)


def consumer_settings(address: Address) -> dict[str, object]:
    """Return what every consumer of ours has: it reads what it is told to, joins no group and commits nothing."""
    return {
        "group_id": address.prefix,  # librdkafka asks for one; it is never joined
        "enable_auto_commit": False,
        "enable_auto_offset_store": False,
        "allow_auto_create_topics": False,
        "auto_offset_reset": "error",
    }
