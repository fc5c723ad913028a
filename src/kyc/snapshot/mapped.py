"""Which files processes write through shared mappings, of which no event and no inode need tell.

A store into a page of a shared mapping is no call: the kernel notes the file's time only when it has to make the page
writable, which is once between two write-backs on a disk, and never on tmpfs. So such files are read however they look.
"""

from __future__ import annotations

import os
import re

# address permissions offset device inode …, see proc_pid_maps(5)
_SHARED_AND_WRITABLE = re.compile(rb"^\S+ .w.s \S+ \S+ ([1-9]\d*)", re.MULTILINE)


class Mapped:
    """What was mapped lately, and may have changed since it was read, also if it is let go by now.

    Around every pass comes a look. What it finds is read again every `period_s` only, since that costs, and at last.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._due_s = 0.0
        self._seen: frozenset[int] = frozenset()
        self._before: frozenset[int] = frozenset()
        self.is_due = False  # whether the pass begun last reads them

    def begin(self, now_s: float, *, at_last: bool) -> frozenset[int]:
        """Look, before a pass; return the inodes that it should read, however they look."""
        self._before = mapped_inodes()
        self._seen |= self._before
        self.is_due = at_last or now_s >= self._due_s
        return self._seen if self.is_due else frozenset()

    def end(self, now_s: float) -> None:
        """Look again, after the pass that `begin` began, if it is in the stream."""
        self._seen = (self._before if self.is_due else self._seen) | mapped_inodes()
        if self.is_due:
            self._due_s = now_s + self._period_s


def mapped_inodes() -> frozenset[int]:
    """Return the inode numbers that some process we may look at can write to through a mapping, on any device.

    Not the devices: overlayfs and btrfs name others there than `stat` does. A number met by chance costs one reading.
    """
    found: set[int] = set()
    for name in os.listdir("/proc"):  # noqa: PTH208  # names only: no Path for each of hundreds
        if name.isdigit():
            found.update(map(int, _SHARED_AND_WRITABLE.findall(_maps_of(name))))
    return frozenset(found)


def _maps_of(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/maps", "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError:  # it ended, or is another user's: none of our workload's
        return b""
