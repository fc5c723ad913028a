"""State machines as tables: the one place where an edge is allowed or refused."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from kyc.domain.errors import TransitionError

S = TypeVar("S", bound=StrEnum)


def advance(table: Mapping[S, frozenset[S]], state: S, to: S, *, story: object) -> S:
    """Return `to` if the table has the edge; raise TransitionError with the object's story if not."""
    if to not in table[state]:
        allowed = ", ".join(sorted(table[state])) or "nothing, it is final"
        raise TransitionError(f"{story} cannot go from {state} to {to} (allowed: {allowed})")
    return to


def is_final(table: Mapping[S, frozenset[S]], state: S) -> bool:
    """Say whether no edge leaves the state."""
    return not table[state]
