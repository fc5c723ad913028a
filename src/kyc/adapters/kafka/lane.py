"""One thread that runs blocking calls one after the other: librdkafka's clients that are used by nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Lane:
    """Runs calls in order, also those whose caller gave up. `close` waits for the running one and ends the thread."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, call: Callable[[], T]) -> T:
        """Run the call in the thread and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def close(self, last: Callable[[], None] = lambda: None) -> None:
        """Run one last call, then end."""
        await self.run(last)
        self._executor.shutdown()
