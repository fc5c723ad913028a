"""A replica's own figure of its load: one GET, and what the answer says.

The answer is Prometheus' text format, of which the samples of one name are added up whatever their labels, or JSON: a
number, or an object with a number of that name.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math

from kyc.agent.ask import connected, send_get
from kyc.agent.race import first_of
from kyc.ports.clock import Clock
from kyc.wire.replica import MetricOrder

log = logging.getLogger(__name__)
EVERY_S = 1.0
TIMEOUT_S = 1.0
MOST_BYTES = 1 << 20


class Metric:
    """The newest value; None before the first, and since it could not be read."""

    def __init__(self, order: MetricOrder, clock: Clock) -> None:
        self.value: float | None = None
        self._order = order
        self._clock = clock
        self._trouble = ""

    async def run(self, host: str, port: int) -> None:
        """Read it once a second until cancelled."""
        try:
            while True:
                await self._read(host, port)
                await self._clock.sleep_s(EVERY_S)
        finally:
            self.value = None

    async def _read(self, host: str, port: int) -> None:
        how, answer = await first_of(answer=_answer(self._order.path, host, port), time=self._clock.sleep_s(TIMEOUT_S))
        trouble = f"no answer within {TIMEOUT_S:g} s" if how == "time" else ""
        self.value = None
        if isinstance(answer, str):
            trouble = answer
        elif answer is not None:
            self.value = value_in(answer, self._order.name)
            trouble = "" if self.value is not None else f"the answer has no number {self._order.name}"
        if trouble and trouble != self._trouble:
            log.warning("metric_unread", extra={"path": self._order.path, "port": port, "why": trouble})
        self._trouble = trouble


def value_in(body: bytes, name: str) -> float | None:
    """Return the metric's value in the answer; None if it is not there, or no number of 0 or more."""
    text = body.decode(errors="replace").strip()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        samples = [value for line in text.splitlines() if (value := _sample(line, name)) is not None]
        return _load(math.fsum(samples)) if samples and all(map(math.isfinite, samples)) else None
    return _load(found.get(name) if isinstance(found, dict) else found)


def _load(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _sample(line: str, name: str) -> float | None:
    """Return the value of a sample of that name, as in `name{label="x"} 3 1395066363000`; NaN if it is no number."""
    if not line.startswith(name) or line[len(name) : len(name) + 1] not in {"{", " ", "\t"}:
        return None
    rest = line[len(name) :].strip()
    words = (rest.rpartition("}")[2] if rest.startswith("{") else rest).split()
    try:
        return float(words[0])
    except (ValueError, IndexError):
        return math.nan


async def _answer(path: str, host: str, port: int) -> bytes | str:
    """Return the body of the answer; why there is none as a text."""
    try:
        async with connected(host, port) as (reader, writer):
            await send_get(writer, path, host, port, version="1.0")
            return _body(await _to_the_end(reader), path)
    except (OSError, ValueError) as error:
        return f"port {port}: {error}"


async def _to_the_end(reader: asyncio.StreamReader) -> bytes:
    read = bytearray()
    while part := await reader.read(65536):
        read += part
        if len(read) > MOST_BYTES:
            raise ValueError(f"the answer is longer than {MOST_BYTES} bytes")
    return bytes(read)


def _body(answer: bytes, path: str) -> bytes:
    """Return the body of an answer of HTTP; raise ValueError where it is not a whole one with status 2xx."""
    head, found, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if not found or len(words) < 2 or not words[0].startswith(b"HTTP/"):
        raise ValueError(f"GET {path} is not answered by HTTP")
    if not words[1].startswith(b"2"):
        raise ValueError(f"GET {path} answers {words[1].decode(errors='replace')}")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return _dechunked(body)
    if len(body) < int(fields.get(b"content-length", b"0")):
        raise ValueError(f"the answer of GET {path} is cut off")
    return body


def _dechunked(rest: bytes) -> bytes:
    """Return the data of the chunks; some servers chunk whatever they were asked for."""
    data = bytearray()
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            return bytes(data)
        if length < 0 or len(rest) < length + 2:
            raise ValueError("the answer is cut off")
        data += rest[:length]
        rest = rest[length + 2 :]
