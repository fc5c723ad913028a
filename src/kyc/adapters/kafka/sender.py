"""Sending records outside of transactions: many in flight, bounded in bytes, each waiting for its own delivery report.

A thread of ours polls the producer and hands the reports to the event loop, all of one poll at once. librdkafka must
not repeat a write by itself: a late first attempt could then land after the second, under the same key, and compaction
would keep that one, at an offset nobody knows. The writer repeats, with a new key.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from threading import Event, Thread

from confluent_kafka import KafkaError, Message, Producer

from kyc.adapters.kafka.address import Address
from kyc.adapters.kafka.layout import MAX_MESSAGE_BYTES
from kyc.adapters.kafka.trouble import Trouble, client_of
from kyc.adapters.kafka.window import Window

_IN_FLIGHT_BYTES = 16_000_000
_OVERHEAD_BYTES = 500  # of a record in librdkafka's queue, its key included
_POLL_S = 0.1
_Report = tuple["asyncio.Future[int]", int, "KafkaError | None", int]  # whose, its size, what went wrong, its offset


class DeliveryError(Exception):
    """The broker did not acknowledge the record; it may be stored all the same. `trouble` is the connection's."""

    def __init__(self, error: KafkaError, trouble: Trouble) -> None:
        super().__init__(error.str())
        self.error = error
        self.trouble = trouble


class Sender:
    """A producer without transactions, of one event loop."""

    def __init__(self, address: Address) -> None:
        self._trouble = Trouble()
        self._stall_s = address.timeout_s
        self._producer = client_of(
            Producer,
            address.client(
                acks="all",
                retries=0,
                linger_ms=0,
                batch_size=1_000_000,
                message_max_bytes=MAX_MESSAGE_BYTES,
                message_timeout_ms=3_600_000,  # `_give_up_if_stalled` is sooner, but not while a slow link delivers
                queue_buffering_max_kbytes=32_768,
                error_cb=self._trouble,
            ),
        )
        self._window = Window(_IN_FLIGHT_BYTES)
        self._loop = asyncio.get_running_loop()
        self._reports: list[_Report] = []  # the thread's
        self._progress_at = time.monotonic()  # the thread's
        self._woken = Event()
        self._using = 0
        self._retired = False
        self._stopping = False
        self._thread = Thread(target=self._serve, name="kyc-kafka-sender")
        self._thread.start()

    async def send(self, topic: str, key: bytes, value: bytes | None) -> int:
        """Append a record to the topic, and return its offset once all replicas in sync have it.

        Raises DeliveryError; with a code of `PURGED` if nothing at all was acknowledged for the address's timeout.
        """
        self._using += 1
        try:
            return await self._send(topic, key, value)
        finally:
            self._using -= 1
            self._end_if_retired()

    async def _send(self, topic: str, key: bytes, value: bytes | None) -> int:
        size = len(value or b"") + _OVERHEAD_BYTES
        await self._window.enter(size)
        report: asyncio.Future[int] = self._loop.create_future()
        try:
            self._producer.produce(topic, value, key, 0, on_delivery=partial(self._note, report, size))
        except BaseException:
            self._window.leave(size)
            raise
        self._woken.set()
        return await report

    def retire(self) -> None:
        """Have it end by itself once all who send now have their answers; nobody may send any more."""
        self._retired = True
        self._end_if_retired()

    def _end_if_retired(self) -> None:
        if self._retired and not self._using:
            self._stopping = True
            self._woken.set()

    async def close(self) -> None:
        """End the thread; what is not acknowledged by now fails."""
        self._stopping = True
        self._woken.set()
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        while not self._stopping:
            if not len(self._producer):
                self._woken.wait()
                self._woken.clear()
                self._progress_at = time.monotonic()
                continue
            self._producer.poll(_POLL_S)
            self._give_up_if_stalled()
            self._hand_over()
        self._producer.purge()
        self._producer.poll(_POLL_S)
        self._hand_over()

    def _note(self, report: asyncio.Future[int], size: int, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._progress_at = time.monotonic()
        offset = message.offset()
        self._reports.append((report, size, error, -1 if offset is None else offset))

    def _give_up_if_stalled(self) -> None:
        if self._trouble.refused is None and time.monotonic() - self._progress_at < self._stall_s:
            return
        self._producer.purge()
        self._producer.poll(_POLL_S)
        self._progress_at = time.monotonic()

    def _hand_over(self) -> None:
        if self._reports:
            reports, self._reports = self._reports, []
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._settle, reports)

    def _settle(self, reports: list[_Report]) -> None:
        for report, size, error, offset in reports:
            self._window.leave(size)
            if report.done():  # cancelled
                continue
            if error is None:
                report.set_result(offset)
            else:
                report.set_exception(DeliveryError(error, self._trouble))
