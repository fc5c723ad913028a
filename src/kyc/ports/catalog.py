"""Where offers come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kyc.domain.offer import Offer


class Catalog(Protocol):
    """The offers that can be bought now, each with its source and the time its price was read.

    Answers from what it has; never waits for a network when it holds an answer.
    """

    async def offers(self) -> Sequence[Offer]: ...
