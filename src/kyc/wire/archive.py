"""How a snapshot's tar says which one it is: in the comment of its global header (pax), which others pass over."""

from __future__ import annotations

import re
from collections.abc import Mapping

_COMMENT = re.compile(r"snapshot (?P<sequence>\d+)")


def header_of(sequence: int) -> dict[str, str]:
    """Return the global header of a snapshot's tar."""
    return {"comment": f"snapshot {sequence}"}


def sequence_of(header: Mapping[str, str]) -> int | None:
    """Return the snapshot's number that a tar's global header tells; None if it tells none."""
    found = _COMMENT.fullmatch(header.get("comment", ""))
    return None if found is None else int(found["sequence"])
