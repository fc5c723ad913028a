"""Touching files under one root and nowhere else, whatever paths a manifest names and whatever links lie in the way.

Each step of a path is opened by itself, relative to the folder before it and never through a symbolic link; so neither
`..`, nor an absolute path, nor a link that somebody put there meanwhile leads out of the root.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kyc.domain.errors import DamagedDataError, OutOfSpaceError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HANDLES = "/proc/self/fd"
_NO_UNNAMED = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL})  # what file systems say
_OPEN_FOLDERS = 64
_NAME_LIMIT_BYTES = 255
_PATH_LIMIT = 4096


def check_path(path: str) -> None:
    """Raise DamagedDataError unless the path is a plain one under the root: names with '/' between, none special."""
    names = path.split("/") if len(path) <= _PATH_LIMIT else [""]
    bad = any(name in {"", ".", ".."} or len(os.fsencode(name)) > _NAME_LIMIT_BYTES for name in names)
    if bad or "\0" in path:
        raise DamagedDataError(f"the snapshot names a path that is not under the work folder: {path!r}")


class Tree:
    """The files under a root. Paths were checked before. For one thread."""

    def __init__(self, root: str) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._folders: OrderedDict[str, int] = OrderedDict()
        self._can_be_unnamed = hasattr(os, "O_TMPFILE") and Path(_HANDLES).is_dir()

    def close(self) -> None:
        """Close what is open."""
        self.forget()
        os.close(self._root)

    def forget(self) -> None:
        """Close the folders that are kept open: some may have been replaced."""
        for handle in self._folders.values():
            os.close(handle)
        self._folders.clear()

    def locate(self, path: str) -> tuple[int, str]:
        """Return the open folder that a path lies in, and its last name; good until the call after the next."""
        while len(self._folders) > _OPEN_FOLDERS:
            os.close(self._folders.popitem(last=False)[1])
        parent, _, name = path.rpartition("/")
        return (self._folder(parent) if parent else self._root), name

    def look(self, path: str) -> os.stat_result | None:
        """Return the lstat of a path, None if it is not there."""
        try:
            folder, name = self.locate(path)
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, path: str, flags: int) -> int:
        """Open a file for reading or writing, never through a link; the caller closes it."""
        folder, name = self.locate(path)
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600, dir_fd=folder)

    def create(self, path: str) -> int:
        """Open a new file for writing; whatever was there is removed; the caller closes it."""
        try:
            return self.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            self.remove(path)
            return self.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def create_unnamed(self, path: str) -> int | None:
        """Open a new file in a path's folder that has no name yet; the caller closes it.

        Until `name` gives it one nobody sees it, and a crash leaves nothing of it. None where that cannot be had.
        """
        if not self._can_be_unnamed:
            return None
        folder, _ = self.locate(path)
        try:
            return os.open(".", os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600, dir_fd=folder)
        except OSError as error:
            if error.errno not in _NO_UNNAMED:
                raise
            self._can_be_unnamed = False
            return None

    def name(self, handle: int, path: str) -> None:
        """Give an unnamed file its name; FileExistsError if there is one of that name."""
        folder, name = self.locate(path)
        os.link(f"{_HANDLES}/{handle}", name, dst_dir_fd=folder)

    def make_folder(self, path: str) -> None:
        """Have a folder there that can be written to; anything else of that name is removed."""
        folder, name = self.locate(path)
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=folder)
            return
        looked = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISDIR(looked.st_mode):
            os.unlink(name, dir_fd=folder)
            os.mkdir(name, 0o700, dir_fd=folder)
        elif stat.S_IMODE(looked.st_mode) & 0o700 != 0o700:
            os.chmod(name, 0o700, dir_fd=folder)  # for now; its own mode comes at the end

    def make_symlink(self, path: str, target: str) -> None:
        """Have this symbolic link there; anything else of that name is removed."""
        self.remove(path)
        folder, name = self.locate(path)
        os.symlink(target, name, dir_fd=folder)

    def make_hardlink(self, path: str, target: str) -> None:
        """Have a second name for a file; anything else of that name is removed."""
        self.remove(path)
        source, old = self.locate(target)
        folder, name = self.locate(path)
        os.link(old, name, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)

    def unlock(self, path: str) -> None:
        """Make a file of ours writable, whatever its permissions were."""
        folder, name = self.locate(path)
        os.chmod(name, 0o600, dir_fd=folder)

    def read_link(self, path: str) -> str:
        """Return a symbolic link's text."""
        folder, name = self.locate(path)
        return os.readlink(name, dir_fd=folder)

    def rename(self, path: str, to: str) -> None:
        """Give a file another name in its folder; whatever has that name is replaced, a file at once."""
        folder, name = self.locate(path)
        new = to.rpartition("/")[2]
        try:
            os.rename(name, new, src_dir_fd=folder, dst_dir_fd=folder)
        except IsADirectoryError:
            self.remove(to)
            folder, name = self.locate(path)
            os.rename(name, new, src_dir_fd=folder, dst_dir_fd=folder)

    def set_times(self, path: str, mtime_ns: int) -> None:
        """Set the time of a file, folder or link itself."""
        folder, name = self.locate(path)
        os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=folder, follow_symlinks=False)

    def set_mode(self, path: str, mode: int) -> None:
        """Set the permissions of a folder or file that is no link."""
        handle = self.open(path, os.O_RDONLY)
        try:
            os.fchmod(handle, mode)
        finally:
            os.close(handle)

    def remove(self, path: str) -> None:
        """Remove whatever is there, a folder with all it has; links are not followed."""
        try:
            folder, name = self.locate(path)
            os.unlink(name, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        except (IsADirectoryError, PermissionError):
            looked = self.look(path)
            if looked is None or not stat.S_ISDIR(looked.st_mode):
                raise
            self._remove_folder(path)

    def _remove_folder(self, path: str) -> None:
        self.forget()  # an open handle of a removed folder would stand for the next one of its name
        folders = [path]
        for place in folders:  # grows while it is gone through
            folder, name = self.locate(place)
            if stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) & 0o700 != 0o700:
                os.chmod(name, 0o700, dir_fd=folder)
            folders += [f"{place}/{child}" for child in _empty_of_files(name, folder)]
        self.forget()
        for place in reversed(folders):
            folder, name = self.locate(place)
            os.rmdir(name, dir_fd=folder)
        self.forget()

    def _folder(self, path: str) -> int:
        """Return a folder's handle, opening what leads to it name by name."""
        known, handle = path, self._root
        while known:
            found = self._folders.get(known)
            if found is not None:
                self._folders.move_to_end(known)
                handle = found
                break
            known = known.rpartition("/")[0]
        if known == path:
            return handle
        for name in path[len(known) :].strip("/").split("/"):
            handle = os.open(name, _FOLDER, dir_fd=handle)
            known = f"{known}/{name}" if known else name
            self._folders[known] = handle
        return handle


def _empty_of_files(name: str, parent: int) -> list[str]:
    """Remove all that is no folder in a folder; return the folders' names."""
    handle = os.open(name, _FOLDER, dir_fd=parent)
    try:
        with os.scandir(handle) as entries:
            inside = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for child, is_folder in inside:
            if not is_folder:
                os.unlink(child, dir_fd=handle)
    finally:
        os.close(handle)
    return [child for child, is_folder in inside if is_folder]


@contextmanager
def minding_space() -> Iterator[None]:
    """Translate the error of a full disk, leave any other as it comes."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise out_of_space() from error
        raise


def out_of_space() -> OutOfSpaceError:
    """Return the error for a full disk."""
    return OutOfSpaceError(
        "the disk is full: the snapshot's files do not fit here",
        next_step="Choose an instance type with a larger disk, or make room.",
    )
