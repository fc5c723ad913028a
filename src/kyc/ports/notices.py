"""How an agent learns that its instance will be taken away."""

from __future__ import annotations

from typing import Protocol

from kyc.domain.interruption import Notice


class NoticeSource(Protocol):
    """The provider's metadata service as seen from inside one instance.

    `poll` answers what is announced now, the interruption before the hint if both are, None if nothing is. It answers
    within 2 s; UnreachableError for a service that does not, or whose answer makes no sense.
    """

    async def poll(self) -> Notice | None: ...
