"""What lies under a workload's root: a walk over the kept paths, in a listing's order, following no symbolic link."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kyc.domain.errors import InvalidInputError
from kyc.domain.snapshot import EntryKind
from kyc.snapshot.listing import sort_key

PART_PREFIX = ".kyc-part-"  # a restore's unfinished files; never part of a snapshot


class Found(NamedTuple):
    """A path under the root and its lstat."""

    path: str
    stat: os.stat_result
    kind: EntryKind


@dataclass(slots=True)
class Missed:
    """What a walk could not take: paths that cannot be read, and, with the reason, what is no file at all."""

    unread: list[str] = field(default_factory=list)
    special: list[str] = field(default_factory=list)


class Scope:
    """Which paths belong to a workload's snapshots: under a kept path, and matched by no ignored pattern.

    Kept paths are relative to the root ('.' is all of it). An ignored pattern is a shell pattern, matched against the
    whole path and against each name in it. `with_parts`: a restore's unfinished files, too.
    """

    def __init__(self, kept: Sequence[str], ignored: Sequence[str] = (), *, with_parts: bool = False) -> None:
        self._with_parts = with_parts
        self.kept = normal_paths(kept)
        self.ignored = tuple(ignored)
        patterns = [fnmatch.translate(pattern.rstrip("/")) for pattern in ignored]
        self._ignored: Callable[[str], object] = re.compile("|".join(patterns)).match if patterns else lambda _: None

    def is_ignored(self, path: str) -> bool:
        """Say whether the path, or a folder it lies in, is left out."""
        if not self._with_parts and path.rpartition("/")[2].startswith(PART_PREFIX):
            return True
        if not self.ignored:
            return False
        names = path.split("/")
        return any(self._ignored(name) for name in names) or any(
            self._ignored("/".join(names[: n + 1])) for n in range(1, len(names))
        )

    def covers(self, path: str) -> bool:
        """Say whether the path is a kept one or lies under one, and is not ignored."""
        if self.kept == (".",):
            return not self.is_ignored(path)
        kept = any(top in {".", path} or path.startswith(top + "/") for top in self.kept)
        return kept and not self.is_ignored(path)

    def leads_to(self, path: str) -> bool:
        """Say whether the path is a folder on the way to a kept one."""
        return any(top.startswith(path + "/") for top in self.kept)


def normal_paths(kept: Iterable[str]) -> tuple[str, ...]:
    """Return the kept paths in order, without what lies under another; raise InvalidInputError for one outside."""
    tidy = set()
    for given in kept:
        names = [name for name in given.split("/") if name not in {"", "."}]
        if given.startswith("/") or ".." in names or "\0" in given:
            raise InvalidInputError(
                f"{given!r} cannot be kept: it is not under the work folder",
                next_step="Name files and folders relative to the work folder.",
            )
        tidy.add("/".join(names) or ".")
    if "." in tidy:
        return (".",)
    tops = (path for path in tidy if not any(path.startswith(other + "/") for other in tidy))
    return tuple(sorted(tops, key=sort_key))


def walk(root: str, scope: Scope, missed: Missed) -> Iterator[Found]:
    """Yield all that is in the scope, a folder before its content; what cannot be looked at is added to `missed`.

    What vanishes meanwhile is not there. Sockets, pipes and devices are no files: they are only named in `missed`.
    """
    seen: dict[str, EntryKind] = {}
    for top in scope.kept:
        if top == ".":
            yield from _content(root, "", scope, missed)
        else:
            yield from _way(root, top, scope, missed, seen)


def size_of(root: str, scope: Scope) -> int:
    """Return how many bytes the files in the scope have."""
    found = walk(root, scope, Missed())
    return sum(one.stat.st_size for one in found if one.kind is EntryKind.FILE)


def _way(root: str, top: str, scope: Scope, missed: Missed, seen: dict[str, EntryKind]) -> Iterator[Found]:
    """Yield the folders that lead to a kept path, unless they were yielded before, then the path and its content."""
    names = top.split("/")
    for depth in range(1, len(names)):
        path = "/".join(names[:depth])
        if path not in seen:
            found = _look(root, path, missed)
            if found is None:
                return
            seen[path] = found.kind
            yield found
        if seen[path] is not EntryKind.FOLDER:
            missed.unread.append(top)  # behind a symbolic link: not under the root, or kept under another name
            return
    found = _look(root, top, missed)
    if found is None:
        return
    yield found
    if found.kind is EntryKind.FOLDER:
        yield from _content(root, top, scope, missed)
    elif found.kind is EntryKind.SYMLINK:
        missed.unread.append(top)  # the link is kept, but not what it points to


def _content(root: str, top: str, scope: Scope, missed: Missed) -> Iterator[Found]:
    """Yield what is in a folder, however deep: without recursion, since a tree may be deeper than a stack."""
    open_folders = [iter(_names(root, top, missed))]
    prefixes = [f"{top}/" if top else ""]
    while open_folders:
        name = next(open_folders[-1], None)
        if name is None:
            open_folders.pop()
            prefixes.pop()
            continue
        path = prefixes[-1] + name
        found = None if scope.is_ignored(path) else _look(root, path, missed)
        if found is not None:
            yield found
            if found.kind is EntryKind.FOLDER:
                open_folders.append(iter(_names(root, path, missed)))
                prefixes.append(f"{path}/")


def _names(root: str, folder: str, missed: Missed) -> list[str]:
    try:
        with os.scandir(f"{root}/{folder}" if folder else root) as entries:
            return sorted(entry.name for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        missed.unread.append(folder or ".")
        return []


def _look(root: str, path: str, missed: Missed) -> Found | None:
    try:
        looked = os.lstat(f"{root}/{path}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        missed.unread.append(path)
        return None
    kind = _KINDS.get(stat.S_IFMT(looked.st_mode))
    if kind is None:
        missed.special.append(f"{path} ({_SPECIAL.get(stat.S_IFMT(looked.st_mode), 'neither file nor folder')})")
        return None
    return Found(path, looked, kind)


_KINDS = {stat.S_IFREG: EntryKind.FILE, stat.S_IFDIR: EntryKind.FOLDER, stat.S_IFLNK: EntryKind.SYMLINK}
_SPECIAL = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
