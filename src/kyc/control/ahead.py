"""The bundles loop: with the first account of a cloud the agent is packed, ahead of the first launch there.

A launch makes what is missing by itself; only it waits for the package index then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from kyc.control.accounts import Accounts
from kyc.domain.errors import KycError
from kyc.ports.clock import Clock

PROCESSORS = ("x86_64", "aarch64")
REST_S = 600.0


@dataclass(slots=True)
class BundleKeeper:
    """`make` makes the bundles for a processor; what it cannot make is tried again after a rest."""

    clock: Clock
    accounts: Accounts
    make: Callable[[str], Awaitable[Mapping[str, str]]]
    _made: bool = False
    _again_s: float = 0.0

    async def tick(self) -> None:
        """Make what an account's instances may need; raise UnreachableError if it cannot be had."""
        now_s = self.clock.monotonic_s()
        if self._made or now_s < self._again_s or not await self.accounts.all():
            return
        try:
            for processor in PROCESSORS:
                await self.make(processor)
        except KycError:
            self._again_s = now_s + REST_S
            raise
        self._made = True
