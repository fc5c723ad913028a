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
from contextlib import contextmanager

from kyc.domain.errors import DamagedDataError, OutOfSpaceError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
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
        self._used = 0  # while it is not 0 no handle is closed

    def close(self) -> None:
        """Close what is open."""
        self.forget()
        os.close(self._root)

    def forget(self) -> None:
        """Close the folders that are kept open: some may have been replaced."""
        for handle in self._folders.values():
            os.close(handle)
        self._folders.clear()

    def look(self, path: str) -> os.stat_result | None:
        """Return the lstat of a path, None if it is not there."""
        try:
            with self._at(path) as (folder, name):
                return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, path: str, flags: int) -> int:
        """Open a file for reading or writing, never through a link; the caller closes it."""
        with self._at(path) as (folder, name):
            return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600, dir_fd=folder)

    def make_folder(self, path: str) -> None:
        """Have a folder there that can be written to; anything else of that name is removed."""
        looked = self.look(path)
        if looked is not None and not stat.S_ISDIR(looked.st_mode):
            self.remove(path)
            looked = None
        with self._at(path) as (folder, name):
            if looked is None:
                os.mkdir(name, 0o700, dir_fd=folder)
            elif stat.S_IMODE(looked.st_mode) & 0o700 != 0o700:
                os.chmod(name, 0o700, dir_fd=folder)  # for now; its own mode comes at the end

    def make_symlink(self, path: str, target: str) -> None:
        """Have this symbolic link there; anything else of that name is removed."""
        self.remove(path)
        with self._at(path) as (folder, name):
            os.symlink(target, name, dir_fd=folder)

    def make_hardlink(self, path: str, target: str) -> None:
        """Have a second name for a file; anything else of that name is removed."""
        self.remove(path)
        with self._at(target) as (source, old), self._at(path) as (folder, name):
            os.link(old, name, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)

    def unlock(self, path: str) -> None:
        """Make a file of ours writable, whatever its permissions were."""
        with self._at(path) as (folder, name):
            os.chmod(name, 0o600, dir_fd=folder)

    def read_link(self, path: str) -> str:
        """Return a symbolic link's text."""
        with self._at(path) as (folder, name):
            return os.readlink(name, dir_fd=folder)

    def rename(self, path: str, to: str) -> None:
        """Move a file to another name; a folder of that name is removed, anything else replaced at once."""
        looked = self.look(to)
        if looked is not None and stat.S_ISDIR(looked.st_mode):
            self.remove(to)
        with self._at(path) as (source, old), self._at(to) as (folder, name):
            os.rename(old, name, src_dir_fd=source, dst_dir_fd=folder)

    def set_times(self, path: str, mtime_ns: int) -> None:
        """Set the time of a file, folder or link itself."""
        with self._at(path) as (folder, name):
            os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=folder, follow_symlinks=False)

    def set_mode(self, path: str, mode: int) -> None:
        """Set the permissions of a folder or file that is no link."""
        with self._at(path) as (folder, name):
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
        try:
            os.fchmod(handle, mode)
        finally:
            os.close(handle)

    def remove(self, path: str) -> None:
        """Remove whatever is there, a folder with all it has; links are not followed."""
        try:
            with self._at(path) as (folder, name):
                looked = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if not stat.S_ISDIR(looked.st_mode):
                    os.unlink(name, dir_fd=folder)
                    return
        except (FileNotFoundError, NotADirectoryError):
            return
        self.forget()
        self._remove_folder(path)

    def _remove_folder(self, path: str) -> None:
        self.forget()  # an open handle of a removed folder would stand for the next one of its name
        folders = [path]
        for place in folders:  # grows while it is gone through
            with self._at(place) as (folder, name):
                if stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) & 0o700 != 0o700:
                    os.chmod(name, 0o700, dir_fd=folder)
                folders += [f"{place}/{child}" for child in _empty_of_files(name, folder)]
        self.forget()
        for place in reversed(folders):
            with self._at(place) as (folder, name):
                os.rmdir(name, dir_fd=folder)
        self.forget()

    @contextmanager
    def _at(self, path: str) -> Iterator[tuple[int, str]]:
        """Give the open folder that a path lies in, and its last name."""
        while not self._used and len(self._folders) > _OPEN_FOLDERS:
            os.close(self._folders.popitem(last=False)[1])
        parent, _, name = path.rpartition("/")
        self._used += 1
        try:
            yield self._folder(parent), name
        finally:
            self._used -= 1

    def _folder(self, path: str) -> int:
        known, handle = path, self._root
        while known:
            found = self._folders.get(known)
            if found is not None:
                self._folders.move_to_end(known)
                handle = found
                break
            known = known.rpartition("/")[0]
        names = path[len(known) :].strip("/")
        for name in names.split("/") if names else ():
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
