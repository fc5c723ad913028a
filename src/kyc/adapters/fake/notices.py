"""A metadata service that says what a test wants."""

from __future__ import annotations

from kyc.domain.interruption import Notice


class FakeNotices:
    """A NoticeSource; set `notice` or `failure`."""

    def __init__(self) -> None:
        self.notice: Notice | None = None
        self.failure: Exception | None = None
        self.polls = 0
        self.acknowledged = 0

    async def poll(self) -> Notice | None:
        """Return the notice as set."""
        self.polls += 1
        if self.failure is not None:
            raise self.failure
        return self.notice

    async def acknowledge(self) -> None:
        """Count it."""
        if self.failure is not None:
            raise self.failure
        self.acknowledged += 1
