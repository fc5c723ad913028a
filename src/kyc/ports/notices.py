"""How an agent learns that its instance will be taken away, and tells that it is ready to go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kyc.domain.interruption import Notice

ANSWER_WITHIN_S = 1.8  # what a source allows its service, so that `poll` keeps its word


class NoticeSource(Protocol):
    """The provider's metadata service as seen from inside one instance.

    `poll` answers what is announced now, the interruption before the hint if both are, None if nothing is. It answers
    within 2 s; UnreachableError for a service that does not, or whose answer makes no sense.
    `acknowledge` tells the provider that the announced interruption need not wait for its deadline any more: called
    when nothing is left here to save or to say. Where the provider takes no such word, or the announcement concerns
    others too, it does nothing; it may be repeated. Time and errors as for `poll`.
    """

    async def poll(self) -> Notice | None: ...

    async def acknowledge(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a metadata service answered; header names in lower case."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class MetadataService(Protocol):
    """The metadata service at `url`, by HTTP. `ask` returns any status; UnreachableError for none, or no HTTP."""

    url: str

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: str = "") -> Answer: ...
