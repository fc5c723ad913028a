"""A workload's way from one stream to another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMove:
    """Set when somebody asked for it, gone when it is done. `to` names the stream, without a credential.

    First everything is copied while the work goes on. Then it `holds`: the work is flushed and rests, the difference
    follows, all is read back, and the work goes on from the new stream. `error` is what it waits for.
    """

    to: str
    since: datetime
    holds: bool = False
    error: str = ""
