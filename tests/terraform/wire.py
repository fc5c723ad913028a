"""Protocol buffers' wire format, as much of it as Terraform's plug-in protocol needs, without generated code."""

from __future__ import annotations

from collections.abc import Iterator

Value = int | bytes | str


def encoded(*fields: tuple[int, Value]) -> bytes:
    """Return a message of these (number, value) fields; zero and empty ones are left out, as proto3 does."""
    return b"".join(_field(number, value) for number, value in fields if value not in (0, b"", ""))


def decoded(message: bytes) -> dict[int, list[int | bytes]]:
    """Return a message's values by field number."""
    found: dict[int, list[int | bytes]] = {}
    for number, value in _fields(message):
        found.setdefault(number, []).append(value)
    return found


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    place = 0

    def varint() -> int:
        nonlocal place
        value, shift = 0, 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 2:
            size = varint()
            yield key >> 3, message[place : place + size]
            place += size
        else:
            raise ValueError(f"a field of wire type {key & 7}, which the protocol does not use")
