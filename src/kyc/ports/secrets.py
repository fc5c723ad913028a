"""Sealing of secrets before they are stored."""

from __future__ import annotations

from typing import Protocol


class Secrets(Protocol):
    """Authenticated encryption under a key that lies outside the database.

    `open` raises DamagedDataError for a text that `seal` did not make with the same key and purpose. `derive` gives a
    secret text that only the holder of the key can make, always the same for the same purpose.
    """

    def seal(self, plain: bytes, *, purpose: str) -> str: ...

    def open(self, sealed: str, *, purpose: str) -> bytes: ...

    def derive(self, *, purpose: str) -> str: ...
