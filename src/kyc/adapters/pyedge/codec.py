"""The port's values as JSON, between the master and the edge's own process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from kyc.domain.ids import WorkloadName
from kyc.ports.edge import EdgeLoad, EdgeService


def encode_services(services: Sequence[EdgeService]) -> bytes:
    """Return what `decode_services` reads."""
    return msgspec.json.encode(list(services), enc_hook=_from_path)


def decode_services(data: bytes) -> list[EdgeService]:
    """Return what was encoded."""
    return msgspec.json.decode(data, type=list[EdgeService], dec_hook=_to_path)


def encode_loads(loads: Mapping[WorkloadName, EdgeLoad]) -> bytes:
    """Return what `decode_loads` reads."""
    return msgspec.json.encode(loads)


def decode_loads(data: bytes) -> dict[WorkloadName, EdgeLoad]:
    """Return what was encoded."""
    return msgspec.json.decode(data, type=dict[WorkloadName, EdgeLoad])


def _from_path(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value))


def _to_path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)
