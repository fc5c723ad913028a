"""Runs many what-ifs on all cores: every combination of recordings, terms and policies, told as it goes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_all(
    do: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    cores: int | None = None,
    told: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Return what `do` makes of each task, in their order; `told` hears how many of how many are done.

    On one core, or for one task, it stays in this process; an error of any task ends all.
    """
    workers = min(len(tasks), cores or os.cpu_count() or 1)
    done: dict[int, Result] = {}
    for place, result in _in_order_of_end(do, tasks, workers):
        done[place] = result
        if told is not None:
            told(len(done), len(tasks))
    return [done[place] for place in range(len(tasks))]


def _in_order_of_end(do: Callable[[Task], Result], tasks: Sequence[Task], workers: int) -> Iterator[tuple[int, Result]]:
    if workers <= 1:
        yield from ((place, do(task)) for place, task in enumerate(tasks))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(do, task): place for place, task in enumerate(tasks)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def bar(done: int, total: int, *, width: int = 30) -> str:
    """Return a progress bar of one line."""
    full = width * done // max(total, 1)
    return f"[{'#' * full}{'.' * (width - full)}] {done}/{total}"
