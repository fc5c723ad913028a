"""Appending to the log in transactions. The workload is the transactional id, so that the broker keeps one writer only:
whoever called `claim` last. A call that finds out it is no longer the one raises OvertakenError; what it was to append
may be there or not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from kyc.adapters.kafka.address import Address
from kyc.adapters.kafka.layout import MAX_MESSAGE_BYTES, Place
from kyc.adapters.kafka.trouble import FENCED, Trouble, client_of, translate
from kyc.domain.errors import KycError

T = TypeVar("T")
OnDelivery = Callable[[KafkaError | None, Message], None]
_UNCLEAR = {KafkaError.UNKNOWN}  # what brokers say of a transaction that a claim ends at this moment
_POLL_S = 0.1
_TRANSACTION_MS = 300_000  # for the parts of a large manifest over a slow link; a claim ends an abandoned one at once


class OvertakenError(Exception):
    """Somebody else has claimed the log since, or does so now."""


class Ledger:
    """The log's end that is written. Every method blocks; they are for one thread."""

    def __init__(self, address: Address, place: Place) -> None:
        self._address = address
        self._place = place
        self._producer: Producer | None = None
        self._trouble = Trouble()
        self._progress_at = 0.0

    @property
    def is_claimed(self) -> bool:
        """Whether `append` may be called: nothing went wrong since the last claim."""
        return self._producer is not None

    def claim(self) -> None:
        """Become the only one who can append. What others have begun is taken back, what they committed is there."""
        self.release()
        self._trouble = Trouble()
        settings = self._address.client(
            transactional_id=self._place.transactional_id,
            transaction_timeout_ms=_TRANSACTION_MS,
            linger_ms=0,
            message_max_bytes=MAX_MESSAGE_BYTES,
            queue_buffering_max_kbytes=16_384,
            error_cb=self._trouble,
        )
        producer = client_of(Producer, settings)
        doing = f"claiming the log of {self._place.workload}"
        deadline = time.monotonic() + self._address.timeout_s
        while True:
            try:
                producer.poll(0)
                producer.init_transactions(1)
                break
            except KafkaException as failed:
                error = _error_of(failed)
                if error.code() in FENCED:
                    raise OvertakenError from failed
                if not error.retriable() and error.code() != KafkaError._TIMED_OUT:
                    raise translate(error, doing) from failed
                if self._trouble.refused or time.monotonic() > deadline:
                    raise self._trouble.timed_out(doing) from failed
        self._producer = producer

    def sign_in(self, address: Address) -> None:
        """Use another credential from the next claim on, which this calls for; nothing to do for the same."""
        if address != self._address:
            self._address = address
            self.release()

    def begin(self) -> None:
        """Begin a transaction."""
        self._attempt(lambda producer: producer.begin_transaction(), "beginning a snapshot")

    def write(self, topic: str, records: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """Add records to the transaction, and return their offsets once they are stored."""
        return self._attempt(lambda producer: self._deliver(producer, topic, records), "writing a snapshot")

    def commit(self) -> None:
        """Make the transaction's records visible. After any error it is not known whether they are, until a claim."""
        timeout_s = self._address.timeout_s
        self._attempt(lambda producer: producer.commit_transaction(timeout_s), "committing a snapshot")

    def release(self) -> None:
        """Let go of the producer, and of a transaction that is open."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()

    def _attempt(self, call: Callable[[Producer], T], doing: str) -> T:
        assert self._producer is not None, "claim first"
        try:
            return call(self._producer)
        except KafkaException as failed:
            self.release()
            error = _error_of(failed)
            if error.code() in FENCED | _UNCLEAR:
                raise OvertakenError from failed
            raise translate(error, f"{doing} of {self._place.workload}") from failed
        except KycError:
            self.release()
            raise

    def _deliver(self, producer: Producer, topic: str, records: Sequence[tuple[bytes, bytes]]) -> list[int]:
        reports: dict[int, int] = {}
        failures: list[KafkaError] = []

        def note(number: int, error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(error)
            reports[number] = message.offset() or 0

        self._progress_at = time.monotonic()
        for number, (key, value) in enumerate(records):
            while not self._queued(producer, topic, key, value, partial(note, number)):
                self._wait(producer, reports)
        while len(reports) < len(records):
            self._wait(producer, reports)
        if failures:
            producer.abort_transaction(self._address.timeout_s)  # raises the real reason if we are fenced
            raise KafkaException(failures[0])
        return [reports[number] for number in range(len(records))]

    def _queued(self, producer: Producer, topic: str, key: bytes, value: bytes, note: OnDelivery) -> bool:
        try:
            producer.produce(topic, value, key, 0, on_delivery=note)
        except BufferError:
            return False
        return True

    def _wait(self, producer: Producer, reports: dict[int, int]) -> None:
        """Serve the producer's reports; raise if there has been none for the timeout."""
        before = len(reports)
        producer.poll(_POLL_S)
        if len(reports) > before:
            self._progress_at = time.monotonic()
        elif self._trouble.refused or time.monotonic() - self._progress_at > self._address.timeout_s:
            raise self._trouble.timed_out(f"writing a snapshot of {self._place.workload}")


def _error_of(failed: KafkaException) -> KafkaError:
    error = failed.args[0]
    assert isinstance(error, KafkaError)
    return error
