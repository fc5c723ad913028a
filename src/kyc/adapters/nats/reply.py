"""An answer of a NATS server, and the headers it may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `status` is 0 where the server gave none."""

    data: bytes
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


def read_headers(block: bytes) -> tuple[int, dict[str, str]]:
    """Return the status (0 for none) and the headers of a block of them."""
    first, *lines = block.decode(errors="replace").split("\r\n")
    words = first.split(None, 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    pairs = (line.partition(":") for line in lines if line)
    return status, {name.strip(): value.strip() for name, _, value in pairs}
