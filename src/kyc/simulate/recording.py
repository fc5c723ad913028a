"""Recordings of spot availability: read from files, cut into windows, brought to another tick."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kyc.domain.errors import InvalidInputError

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """When spot capacity could be had in one zone: `available[i]` holds for `tick_s` seconds from `i * tick_s`."""

    zone: str
    tick_s: float
    available: Bools
    start_tick: int = 0
    is_benchmark: bool = False

    @property
    def span_s(self) -> float:
        """How long the recording is, in seconds."""
        return len(self.available) * self.tick_s

    def at(self, tick_s: float, offset: int = 0) -> Recording:
        """Return the recording as seen by one who looks every `tick_s`, from its tick `offset` on."""
        if tick_s == self.tick_s and offset == 0:
            return self
        looks = int((len(self.available) - offset) * self.tick_s // tick_s)
        places = (np.arange(looks) * tick_s // self.tick_s).astype(np.int64) + offset
        return replace(self, tick_s=tick_s, available=self.available[places])

    def window(self, start_s: float, span_s: float) -> Recording:
        """Return the part of the recording that begins at `start_s` and is at most `span_s` long."""
        first = int(start_s // self.tick_s)
        last = first + int(np.ceil(span_s / self.tick_s))
        return replace(self, available=self.available[first:last], start_tick=self.start_tick + first)


def read_json(path: Path) -> object:
    """Return what a JSON file says, gzipped or not; InvalidInputError for any other file."""
    raw = path.read_bytes()
    try:
        return json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    except (ValueError, EOFError, OSError) as error:
        raise InvalidInputError(f"{path} is not a JSON file, gzipped or not: {error}") from error


def read_recordings(path: Path) -> list[Recording]:
    """Return the recordings in a JSON file, gzipped or not; InvalidInputError where it holds none that we understand.

    Understood: `{"zones": {name: {"gap_seconds", "avail" | "count"}}}`, `{"meta": {"gap_seconds"}, "regions": {name:
    [{"avail"}]}}`, `{"meta": ..., "windows": [{"zones": {name: {"avail"}}}]}` and SkyPilot's own traces `{"metadata":
    {"gap_seconds"}, "data": [0 | 1, ...]}`, in which 1 means that the launch failed.
    """
    data = read_json(path)
    found = list(_parse(data, path.name.removesuffix(".gz").removesuffix(".json"))) if isinstance(data, dict) else []
    if not found:
        raise InvalidInputError(f"{path} holds no recording of spot availability that we understand")
    return found


def _parse(data: dict[str, Any], name: str) -> Iterator[Recording]:
    if "zones" in data:
        for zone, entry in data["zones"].items():
            yield _recording(zone, float(entry["gap_seconds"]), entry)
    elif "regions" in data:
        for zone, entries in data["regions"].items():
            yield from (_recording(zone, float(data["meta"]["gap_seconds"]), entry) for entry in entries)
    elif "windows" in data:
        for window in data["windows"]:
            for zone, entry in window["zones"].items():
                yield _recording(zone, float(data["meta"]["gap_seconds"]), {**window, **entry})
    elif "data" in data and "metadata" in data:
        failed = np.array(data["data"], dtype=np.int64) != 0
        yield Recording(zone=name, tick_s=float(data["metadata"]["gap_seconds"]), available=~failed)


def _recording(zone: str, tick_s: float, entry: dict[str, Any]) -> Recording:
    start = int(entry.get("start_tick", 0))
    return Recording(
        zone=zone,
        tick_s=tick_s,
        available=_bits(entry),
        start_tick=start,
        is_benchmark=bool(entry.get("bench30", False)),
    )


def _bits(entry: dict[str, Any]) -> Bools:
    if "avail" in entry:
        return np.array([mark == "1" for mark in entry["avail"]], dtype=np.bool_)
    return np.array([count > 0 for count in entry["count"]], dtype=np.bool_)
