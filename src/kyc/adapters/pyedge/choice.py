"""Which endpoint gets the next request: pure but for what it counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field
from hashlib import blake2b
from math import log

from kyc.domain.service import Balance, EndpointState
from kyc.ports.edge import ERRORS_IN_A_ROW, EdgeEndpoint, can_spare_one

_EJECTED_S = 2.0
_FAILURES = 3


@dataclass(slots=True, eq=False)
class Seat:
    """An endpoint, and what it has done and has to do."""

    place: EdgeEndpoint
    requests: int = 0
    failed: int = 0
    in_flight: int = 0
    failures: int = 0  # connections in a row that it did not take
    errors: int = 0  # 5xx in a row that it answered
    shunned_until_s: float = 0
    credit: float = field(default=0, repr=False)

    def refused(self, now_s: float) -> None:
        """Take down that it could not be reached; after three times in a row it is left alone for two seconds."""
        self.failed += 1
        self.failures += 1
        if self.failures >= _FAILURES:
            self.shunned_until_s = now_s + _EJECTED_S

    def answered(self, status: int) -> None:
        """Take down that it was reached, and what it said."""
        self.failures = 0
        self.errors = self.errors + 1 if status >= 500 else 0


def spare(seat: Seat, seats: Collection[Seat], now_s: float) -> None:
    """Leave it alone for two seconds if it answers nothing but 5xx, and half of those that are up remain."""
    if seat.errors < ERRORS_IN_A_ROW:
        return
    up = [each for each in seats if each.place.state is EndpointState.UP]
    absent = sum(1 for each in up if each.shunned_until_s > now_s and each is not seat)
    if can_spare_one(up=len(up), left_alone=absent):
        seat.errors = 0
        seat.shunned_until_s = now_s + _EJECTED_S


def choose(
    seats: Sequence[Seat], balance: Balance, *, client: str, now_s: float, tried: Set[Seat] = frozenset()
) -> Seat | None:
    """Return who gets the request; rather one that was not tried, nor failed of late. None if none is up."""
    up = [seat for seat in seats if seat.place.state is EndpointState.UP]
    fresh = [seat for seat in up if seat not in tried] or up
    sound = [seat for seat in fresh if seat.shunned_until_s <= now_s] or fresh
    if not sound:
        return None
    match balance:
        case Balance.STICKY:
            return max(sound, key=lambda seat: _affinity(client, seat))
        case Balance.ROUND_ROBIN:
            return _in_turn(sound)
        case Balance.LEAST_REQUEST:
            fewest = min((seat.in_flight + 1) / seat.place.endpoint.weight for seat in sound)
            return _in_turn([seat for seat in sound if (seat.in_flight + 1) / seat.place.endpoint.weight == fewest])


def _in_turn(seats: Sequence[Seat]) -> Seat:
    """Return the next by weight, evenly mixed (smooth weighted round robin, as nginx does it)."""
    total = 0
    for seat in seats:
        weight = seat.place.endpoint.weight
        seat.credit += weight
        total += weight
    chosen = max(seats, key=lambda seat: seat.credit)
    chosen.credit -= total
    return chosen


def _affinity(client: str, seat: Seat) -> float:
    """Return the client's liking for an endpoint: weighted rendezvous hashing, so the others do not matter."""
    at = seat.place.endpoint
    drawn = blake2b(f"{client} {at.replica_id}".encode(), digest_size=8).digest()
    return -at.weight / log((int.from_bytes(drawn) + 1) / (2**64 + 2))
