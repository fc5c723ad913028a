"""When a noticed instance must stop its work by itself, and how long the work may take to end.

Working on costs nothing as long as what it makes can still be flushed; so the work is stopped as late as is safe.
Usually the master releases it earlier, when the replacement is prepared; this is for when it does not, or cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST_NOTICE_S = 30.0  # what a provider that names no deadline gives at least
NOTICE_S = {"aws": 120.0, "local": 120.0, "gcp": 30.0, "azure": 30.0}  # how long before the end each provider says so
_SHARE = 0.2  # of the notice: for what no estimate foresees, a slow disk or a loaded stream
_FLUSH_FACTOR = 2.0
_FLUSH_EXTRA_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """An instance under notice: seconds from the notice to the end, and what its work needs to end well."""

    notice_s: float
    flush_estimate_s: float
    stop_grace_s: float


def plan_margin_s(pressure: Pressure) -> float:
    """Return how many seconds before the end the work has to be stopped: never more than the notice has.

    Enough for the work's grace and then twice the estimated flush plus a second, and at least a fifth of the notice.
    Where a short notice does not hold that much, the flush comes first, and work and grace share what is left.
    """
    flush_s = _flush_reserve_s(pressure.flush_estimate_s)
    room_s = max(0.0, pressure.notice_s - flush_s)
    grace_s = min(pressure.stop_grace_s, room_s / 2)
    return min(pressure.notice_s, max(flush_s + grace_s, _SHARE * pressure.notice_s))


def flush_fits(flush_estimate_s: float, *, cloud: str, share: float = 1.0) -> bool:
    """Say whether a flush fits `share` of the notice that the cloud's provider gives, with the same reserve."""
    return _flush_reserve_s(flush_estimate_s) <= share * NOTICE_S.get(cloud, SHORTEST_NOTICE_S)


def plan_grace_s(*, left_s: float | None, flush_estimate_s: float, stop_grace_s: float) -> float:
    """Return how long the work may take to end when it is stopped now, `left_s` before the end (None: no end)."""
    if left_s is None:
        return stop_grace_s
    return min(stop_grace_s, max(0.0, left_s - _flush_reserve_s(flush_estimate_s)))


def _flush_reserve_s(flush_estimate_s: float) -> float:
    return _FLUSH_FACTOR * flush_estimate_s + _FLUSH_EXTRA_S
