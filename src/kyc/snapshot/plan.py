"""What a restore has to do here: what the disk has too much is removed, what it lacks is listed, chunk by chunk.

What is on the disk is believed only if its inode says that it is the file which the restore before left there; else its
content is compared with the listing's hashes. Either is much faster than the network. Runs in a thread.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Generator, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from threading import Lock

from kyc.domain.errors import DamagedDataError
from kyc.domain.snapshot import ChunkId, ChunkRef, Entry, EntryKind
from kyc.snapshot.check import checked
from kyc.snapshot.compare import Comparer, has_same_bytes, known_pieces, laid_out
from kyc.snapshot.listing import NO_SIGNATURE, Listing, Signature, sort_key
from kyc.snapshot.read import signature_of, wait_for_tick
from kyc.snapshot.scan import PART_PREFIX, Found, Missed, Scope, walk
from kyc.snapshot.seal import Keyring
from kyc.snapshot.target import Target, Use, part_of
from kyc.snapshot.tree import Tree, out_of_space

_FEW = 50_000
_FILES_AT_ONCE = 20_000  # what is known of each that waits takes 400 bytes

Ticks = Generator[int | None, None, None]  # None: a sign of life


class RestorePlan:
    """One restore into one root: drive `make`, write what is in `needed` to targets, then drive `finish`.

    Of many files `make` yields how many wait, time and again: they are to be written, and `needed` emptied, before it
    goes on.
    """

    def __init__(self, root: str, scope: Scope, keys: Keyring, listing: Listing, base: Listing) -> None:
        self.needed: dict[ChunkId, list[Use]] = {}
        self.chunks: dict[ChunkId, ChunkRef] = listing.chunks()
        self.files = self.bytes = 0
        self._root = root
        self._scope = scope
        self._listing = listing
        self._base = base.entries()
        self._ahead: tuple[Entry, Signature] | None = next(self._base, None)
        self._tree = Tree(root)
        self._lock = Lock()
        self._target = Target(self._tree, self._lock)
        self._comparer = Comparer(keys)
        self._parts: set[str] = set()
        self._claimed: set[tuple[int, int]] = set()
        self._folders: list[Entry] = []
        self._hardlinks: list[Entry] = []
        self.jobs = self.missing_bytes = 0  # files that something of is missing, and how much in all
        self._waiting = self._fresh_bytes = 0
        few = sum(page.entries for page in listing.pages) <= _FEW
        self._all: list[Entry] | None = [] if few else None  # not read out of the listing again and again

    def make(self) -> Ticks:
        """Look at everything; raise DamagedDataError, before anything is touched, for a listing that cannot be.

        OutOfSpaceError: what is missing so far does not fit.
        """
        for entry, _ in checked(self._listing.entries(), self._scope, self.chunks):
            if self._all is not None:
                self._all.append(entry)
            yield None
        scope = Scope(self._scope.kept, self._scope.ignored, with_parts=True)
        disk = walk(self._root, scope, Missed())
        on_disk = next(disk, None)
        for entry in self._entries():
            yield None
            looked = None
            if on_disk is not None:
                key = sort_key(entry.path)
                while on_disk is not None and sort_key(on_disk.path) < key:
                    self._remove_stale(on_disk)
                    on_disk = next(disk, None)
                if on_disk is not None and on_disk.path == entry.path:
                    looked = on_disk.stat
                    on_disk = next(disk, None)
            self._plan_entry(entry, looked)
            if self._waiting >= _FILES_AT_ONCE:
                self._check_room()
                yield self._waiting
                self._waiting = 0
        while on_disk is not None:
            self._remove_stale(on_disk)
            on_disk = next(disk, None)
            yield None
        self._check_room()

    def finish(self) -> Ticks:
        """Make the links, drop unfinished files that nobody needs, set the folders' permissions and times."""
        for path in self._parts:
            self._tree.remove(path)
        for entry in self._hardlinks:
            yield None
            self._link(entry)
        for entry in reversed(self._folders):
            yield None
            self._set_meta(entry, self._tree.look(entry.path))

    def signatures(self) -> Iterator[Signature]:
        """Yield what the inodes say now, one an entry, for the restore or the replicator that comes next."""
        wait_for_tick(time.time_ns())  # who writes after us must leave a trace
        for entry in self._entries():
            looked = self._tree.look(entry.path) if entry.kind is EntryKind.FILE else None
            yield NO_SIGNATURE if looked is None else signature_of(looked)

    def new_target(self) -> Target:
        """Return one more to write with, for a thread of its own."""
        return Target(Tree(self._root), self._lock)

    def close(self) -> None:
        """Close what is open."""
        self._target.close()

    def _check_room(self) -> None:
        """Raise OutOfSpaceError if what waits does not fit on the disk."""
        room = os.statvfs(self._root)
        if self._fresh_bytes > room.f_bavail * room.f_frsize:
            raise out_of_space()
        self._fresh_bytes = 0

    # --- one path ----------------------------------------------------------------------------------------------------

    def _remove_stale(self, found: Found) -> None:
        if not self._scope.covers(found.path) and not found.path.rpartition("/")[2].startswith(PART_PREFIX):
            return
        if found.path.rpartition("/")[2].startswith(PART_PREFIX):
            self._parts.add(found.path)
        else:
            self._tree.remove(found.path)

    def _entries(self) -> Iterable[Entry]:
        return self._all if self._all is not None else (entry for entry, _ in self._listing.entries())

    def _plan_entry(self, entry: Entry, looked: os.stat_result | None) -> None:
        match entry.kind:
            case EntryKind.FOLDER:
                self._tree.make_folder(entry.path)
                self._folders.append(entry)
            case EntryKind.SYMLINK:
                self._plan_symlink(entry, looked)
            case EntryKind.HARDLINK:
                self._hardlinks.append(entry)
                self.files += 1
            case _:
                self._plan_file(entry, looked)
                self.files += 1
                self.bytes += entry.size

    def _plan_symlink(self, entry: Entry, looked: os.stat_result | None) -> None:
        is_link = looked is not None and stat.S_ISLNK(looked.st_mode)
        if not is_link or self._tree.read_link(entry.path) != entry.target:
            self._tree.make_symlink(entry.path, entry.target)
        self._tree.set_times(entry.path, entry.mtime_ns)

    def _plan_file(self, entry: Entry, looked: os.stat_result | None) -> None:
        if looked is not None and (not stat.S_ISREG(looked.st_mode) or not self._claim(looked)):
            looked = None
        earlier = self._trusted(entry.path, looked)
        if looked is not None and earlier is not None and has_same_bytes(earlier, entry):
            self._set_meta(entry, looked)
        elif entry.digest or not entry.size:
            self._plan_small(entry, looked)
        else:
            self._plan_large(entry, looked, earlier)

    def _plan_small(self, entry: Entry, looked: os.stat_result | None) -> None:
        if looked is not None and looked.st_size == entry.size:
            with suppress(PermissionError):
                handle = self._tree.open(entry.path, os.O_RDONLY)
                try:
                    same = not entry.size or self._comparer.is_small_file(handle, entry)
                finally:
                    os.close(handle)
                if same:
                    self._set_meta(entry, looked)
                    return
        self._need(entry, frozenset(), fresh=True)

    def _plan_large(self, entry: Entry, looked: os.stat_result | None, earlier: Entry | None) -> None:
        part = part_of(entry.path)
        cut_short = self._tree.look(part)
        source = entry.path if looked is not None else None
        if cut_short is not None and stat.S_ISREG(cut_short.st_mode) and cut_short.st_nlink == 1:
            source, earlier = part, None
            self._parts.discard(part)
            self._tree.unlock(part)
        right: set[int] | None = None
        if source is not None:
            with suppress(PermissionError):
                right = self._right_pieces(source, entry, earlier)
        is_whole = right is not None and len(right) == len(entry.pieces)
        if source == entry.path and looked is not None and is_whole and looked.st_size == entry.size:
            self._set_meta(entry, looked)
        elif not right or (source == entry.path and looked is not None and looked.st_nlink > 1):
            self._need(entry, frozenset(), fresh=True)  # another name of it must not change
        else:
            if source == entry.path:
                self._tree.rename(entry.path, part)
                self._tree.unlock(part)
            self._need(entry, right, fresh=False)

    def _right_pieces(self, source: str, entry: Entry, earlier: Entry | None) -> set[int] | None:
        """Return which pieces the file has in place; None if it cannot be mended: something is in its holes."""
        if earlier is not None and earlier.holes == entry.holes:
            return known_pieces(earlier, entry)
        handle = self._tree.open(source, os.O_RDONLY)
        try:
            if entry.holes and not self._comparer.holes_are_empty(handle, entry):
                return None
            return self._comparer.right_pieces(handle, entry)
        finally:
            os.close(handle)

    def _need(self, entry: Entry, right: AbstractSet[int], *, fresh: bool) -> None:
        missing = [(at, piece) for number, (at, piece) in enumerate(laid_out(entry)) if number not in right]
        job = self._target.begin(entry, left=len(missing), fresh=fresh)
        for at, piece in missing:
            use = Use(job, at, piece.offset, piece.length)
            self.needed.setdefault(piece.chunk, []).append(use)
        missing_bytes = sum(piece.length for _, piece in missing)
        self.jobs += bool(missing)
        self._waiting += bool(missing)
        self.missing_bytes += missing_bytes
        self._fresh_bytes += missing_bytes if fresh else 0

    def _trusted(self, path: str, looked: os.stat_result | None) -> Entry | None:
        """Return what the restore before left here, if it is still that."""
        key = sort_key(path)
        while self._ahead is not None and sort_key(self._ahead[0].path) < key:
            self._ahead = next(self._base, None)
        if self._ahead is None or self._ahead[0].path != path or looked is None:
            return None
        entry, signature = self._ahead
        return entry if entry.kind is EntryKind.FILE and signature == signature_of(looked) else None

    def _claim(self, looked: os.stat_result) -> bool:
        """Say whether this inode may serve as the file: two files of the listing must not share one."""
        if looked.st_nlink == 1:
            return True
        inode = (looked.st_dev, looked.st_ino)
        fresh = inode not in self._claimed
        self._claimed.add(inode)
        return fresh

    def _link(self, entry: Entry) -> None:
        target, looked = self._tree.look(entry.target), self._tree.look(entry.path)
        if target is None or not stat.S_ISREG(target.st_mode):
            raise DamagedDataError(f"{entry.path!r} is a second name of {entry.target!r}, which is no file")
        if looked is None or (looked.st_dev, looked.st_ino) != (target.st_dev, target.st_ino):
            self._tree.make_hardlink(entry.path, entry.target)

    def _set_meta(self, entry: Entry, looked: os.stat_result | None) -> None:
        if looked is None or stat.S_IMODE(looked.st_mode) != entry.mode:
            self._tree.set_mode(entry.path, entry.mode)
        if looked is None or looked.st_mtime_ns != entry.mtime_ns:
            self._tree.set_times(entry.path, entry.mtime_ns)
