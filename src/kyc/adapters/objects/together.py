"""Several calls at once, but not too many."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

T = TypeVar("T")


async def together(calls: Iterable[Coroutine[object, object, T]], *, at_once: int) -> list[T]:
    """Run the calls, at most `at_once` at a time, and return their results in order; the first error ends them all."""
    results: dict[int, T] = {}
    waiting = enumerate(calls)

    async def work() -> None:
        for number, call in waiting:
            results[number] = await call

    workers = [asyncio.ensure_future(work()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for _, call in waiting:
            call.close()
    return [results[number] for number in sorted(results)]
