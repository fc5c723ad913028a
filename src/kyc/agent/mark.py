"""A note on disk that an attempt was about to start its work: an agent begun anew must not start it again."""

from __future__ import annotations

from pathlib import Path


class Mark:
    """The last attempt whose work this agent, or one before it on this instance, was about to start."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "started"

    def set(self, attempt: str) -> None:
        """Note the attempt, before its epoch is opened."""
        beside = self._path.with_suffix(".new")
        beside.write_text(attempt)
        beside.replace(self._path)

    def is_on(self, attempt: str) -> bool:
        """Say whether it is this attempt that was noted last."""
        try:
            return self._path.read_text() == attempt
        except FileNotFoundError:
            return False
