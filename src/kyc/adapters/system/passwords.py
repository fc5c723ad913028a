"""Passwords by scrypt (RFC 7914), with the costs in the text, so that they can be raised later.

A guess costs 32 MiB and about a tenth of a second; two run at a time at most, so that guessing fills neither the
memory nor the threads.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
from dataclasses import dataclass, field

_SALT_BYTES = 16
_HASH_BYTES = 32
_AT_ONCE = 2
_NOBODY = "x" * _SALT_BYTES


@dataclass(slots=True)
class Scrypt:
    """Passwords hashed with 2^`log_n` rounds of `r` blocks."""

    log_n: int = 15
    r: int = 8
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def hash(self, password: str) -> str:
        """Return the text to keep: `scrypt$LOG_N$R$SALT$HASH`."""
        salt = os.urandom(_SALT_BYTES)
        made = await self._derive(password, salt, self.log_n, self.r)
        return f"scrypt${self.log_n}${self.r}${_text(salt)}${_text(made)}"

    async def verify(self, password: str, hashed: str) -> bool:
        """Say whether it is the password; for an empty hash say no, as slowly."""
        if not hashed:
            await self._derive(password, _NOBODY.encode(), self.log_n, self.r)
            return False
        _, log_n, r, salt, kept = hashed.split("$")
        made = await self._derive(password, base64.b64decode(salt), int(log_n), int(r))
        return hmac.compare_digest(made, base64.b64decode(kept))

    async def _derive(self, password: str, salt: bytes, log_n: int, r: int) -> bytes:
        n = 1 << log_n
        most_bytes = 256 * n * r + (1 << 20)
        async with self._turn:
            return await asyncio.to_thread(
                hashlib.scrypt, password.encode(), salt=salt, n=n, r=r, p=1, maxmem=most_bytes, dklen=_HASH_BYTES
            )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
