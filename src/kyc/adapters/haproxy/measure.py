"""What HAProxy counts, as the port's values. Each worker counts for itself: those that ended are remembered."""

from __future__ import annotations

import asyncio
import csv
import io
import math
import socket
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kyc.adapters.haproxy.config import ROOM
from kyc.domain.ids import ReplicaId, WorkloadName
from kyc.hosting.socketpath import short_path
from kyc.ports.clock import Clock
from kyc.ports.edge import EdgeLoad, EdgeService, EndpointLoad

_SPAN_S = 5.0
_MOST_SAMPLES = 4096
Row = Mapping[str, str]
Counts = tuple[int, int, int]  # requests, failed, in flight
_NONE: Counts = (0, 0, 0)
_COLUMNS = ("pxname", "svname", "scur", "stot", "req_tot", "econ", "eresp", "hrsp_5xx", "qcur")
_QUEUE = "QUEUE"
_ENDED_WELL = "--"  # how HAProxy says that neither side, nor itself, broke a request off


class Times:
    """How long requests took: a sample of them, from HAProxy's log. `answered` is told who answered what."""

    def __init__(self, path: Path, clock: Clock, answered: Callable[[str, str, int], None]) -> None:
        self._path = path
        self._clock = clock
        self._answered = answered
        self._socket: socket.socket | None = None
        self._seen: dict[str, deque[tuple[float, float]]] = defaultdict(lambda: deque(maxlen=_MOST_SAMPLES))

    def open(self) -> None:
        """Listen to the log."""
        if self._socket is not None:
            return
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        with short_path(self._path) as short:
            self._socket.bind(short)
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        """Listen no more."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def p95_ms(self, name: WorkloadName) -> float | None:
        """Return the 95th percentile of the last seconds; None where nothing was answered."""
        since = self._clock.monotonic_s() - _SPAN_S
        found = sorted(took for at, took in self._seen[name] if at >= since)
        return found[math.ceil(0.95 * len(found)) - 1] if found else None

    def _read(self) -> None:
        assert self._socket is not None
        now = self._clock.monotonic_s()
        try:
            while True:
                self._take(self._socket.recv(512).decode(errors="replace").split()[-5:], now)
        except BlockingIOError:
            return

    def _take(self, words: list[str], now: float) -> None:
        """Take down a line: frontend, milliseconds, server, status, how it ended."""
        if len(words) == 5 and words[1].isdecimal():
            service = words[0].rstrip("~").rpartition(">")[2]
            self._seen[service].append((now, float(words[1])))
            if words[4] == _ENDED_WELL and words[3].isdecimal():
                self._answered(service, words[2], int(words[3]))


@dataclass(slots=True)
class Meter:
    """Adds up what all workers have counted."""

    _last: dict[int, dict[tuple[str, str], Counts]] = field(default_factory=dict)

    def note(self, worker: int, table: str) -> None:
        """Take down what a worker answers to `show stat`; nothing if it is just ending."""
        rows = _rows(table)
        if not rows:
            return
        found: dict[tuple[str, str], Counts] = {}
        for row in rows:
            key = row["pxname"], row["svname"]
            if row["svname"] == "FRONTEND":
                found[key] = _number(row, "req_tot"), _number(row, "hrsp_5xx"), 0
            elif row["svname"] == "BACKEND":
                found[key] = 0, 0, _number(row, "scur")
                found[row["pxname"], _QUEUE] = 0, 0, _number(row, "qcur")
            else:
                failed = sum(_number(row, what) for what in ("econ", "eresp", "hrsp_5xx"))
                found[key] = _number(row, "stot"), failed, _number(row, "scur")
        self._last[worker] = found

    def forget_flights(self, workers: set[int]) -> None:
        """Keep of the workers that are not among these what they counted; nothing of theirs is in flight."""
        for pid in self._last.keys() - workers:
            self._last[pid] = {key: (done, failed, 0) for key, (done, failed, _) in self._last[pid].items()}

    def clear(self) -> None:
        """Begin at 0: another process runs."""
        self._last.clear()

    def load(
        self, service: EdgeService, waiting: int, p95_ms: float | None, names: Mapping[str, ReplicaId]
    ) -> EdgeLoad:
        """Return a service's load; `names` says which replica a server is."""
        came, failed, _ = self._sum(service.name, "FRONTEND")
        # One that has come by the waiting room is there twice.
        in_flight = self._sum(service.name, "BACKEND")[2] - self._sum(service.name, ROOM)[2]
        waiting += self._sum(service.name, _QUEUE)[2]
        known = {replica: _endpoint(self._sum(service.name, server)) for server, replica in names.items()}
        done = max(0, came - in_flight)
        return EdgeLoad(
            requests=done, failed=failed, in_flight=in_flight, waiting=waiting, p95_ms=p95_ms, endpoints=known
        )

    def _sum(self, service: str, name: str) -> Counts:
        found = [counted.get((service, name), _NONE) for counted in self._last.values()]
        return sum(one[0] for one in found), sum(one[1] for one in found), sum(one[2] for one in found)


def _rows(table: str) -> list[Row]:
    lines = csv.reader(io.StringIO(table.lstrip("# ")))
    head = next(lines, [])
    if not set(_COLUMNS) <= set(head):
        return []
    places = [head.index(name) for name in _COLUMNS]
    return [dict(zip(_COLUMNS, [line[at] for at in places], strict=True)) for line in lines if line]


def _number(row: Row, what: str) -> int:
    return int(row.get(what) or 0)


def _endpoint(counts: Counts) -> EndpointLoad:
    requests, failed, in_flight = counts
    return EndpointLoad(requests=requests, failed=failed, in_flight=in_flight)
