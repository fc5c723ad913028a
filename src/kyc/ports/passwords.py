"""Passwords, kept so that they cannot be read back."""

from __future__ import annotations

from typing import Protocol


class Passwords(Protocol):
    """A slow hash with a salt of its own each time. `verify` takes as long for a hash that is empty."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, hashed: str) -> bool: ...
