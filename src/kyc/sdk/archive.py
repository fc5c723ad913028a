"""A workdir as one tar.zst: the same tree gives the same bytes, so that its hash says whether the master has it.

The archive goes to a file piece by piece, whatever the tree's size. Owners are left out, symbolic links stay links,
hard links become files of their own, sockets and devices are skipped and named.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

from kyc.domain.errors import InvalidInputError
from kyc.sdk.ignore import Found, unreadable, walk
from kyc.wire.text import legible

_LEVEL = 3
_PERMISSIONS = 0o777


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """An archive: its SHA-256 (hex) and size, how many files it holds of how many bytes, what it had to leave out."""

    sha256: str
    archive_bytes: int
    files: int
    file_bytes: int
    warnings: tuple[str, ...] = ()


class _Hashing:
    """A file that hashes what is written through it."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self.digest = hashlib.sha256()
        self.written = 0

    def write(self, piece: bytes) -> int:
        self.digest.update(piece)
        self.written += len(piece)
        return self._target.write(piece)


def pack(folder: Path, target: IO[bytes]) -> Packed:
    """Write the folder's archive to `target`; raise InvalidInputError if it, or a file of it, cannot be read."""
    if not folder.is_dir():
        raise InvalidInputError(f"the workdir {folder} is not a folder", next_step="Correct `workdir` in the file.")
    warnings: list[str] = []
    files = file_bytes = 0
    sink = _Hashing(target)
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=False)
    with (
        compressor.stream_writer(sink, closefd=False) as squeezed,  # type: ignore[arg-type]  # it only writes
        tarfile.open(fileobj=squeezed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for found in walk(folder):
            size = _add(tar, folder, found, warnings)
            files += size is not None
            file_bytes += size or 0
    return Packed(
        sha256=sink.digest.hexdigest(),
        archive_bytes=sink.written,
        files=files,
        file_bytes=file_bytes,
        warnings=tuple(map(legible, warnings)),
    )


def _add(tar: tarfile.TarFile, root: Path, found: Found, warnings: list[str]) -> int | None:
    """Add one path; return its size if it is a file, None if not."""
    mode = found.status.st_mode
    info = _member(found)
    path = root / found.path
    if found.is_folder:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif stat.S_ISLNK(mode):
        info.type = tarfile.SYMTYPE
        info.linkname = os.readlink(path)  # noqa: PTH115  # Path would tidy the text, and the text is the content
        if _leaves(found.path, info.linkname):
            warnings.append(f"{found.path} is a link to {info.linkname}, outside of the workdir; its target stays here")
        tar.addfile(info)
    elif stat.S_ISREG(mode):
        return _add_file(tar, path, info)
    else:
        warnings.append(f"{found.path} is neither a file, a folder nor a link; it stays here")
    return None


def _member(found: Found) -> tarfile.TarInfo:
    info = tarfile.TarInfo(found.path)
    info.mode = stat.S_IMODE(found.status.st_mode) & _PERMISSIONS
    info.mtime = int(found.status.st_mtime)
    return info


def _add_file(tar: tarfile.TarFile, path: Path, info: tarfile.TarInfo) -> int | None:
    try:
        with path.open("rb") as file:
            info.size = os.fstat(file.fileno()).st_size
            tar.addfile(info, file)
    except FileNotFoundError:  # removed since it was listed
        return None
    except PermissionError as error:
        raise unreadable(path, error) from error
    except OSError as error:
        raise InvalidInputError(
            f"{legible(str(path))} cannot be packed: {error.strerror or 'it became shorter meanwhile'}",
            next_step="Run it again, or leave the file out with a line in .kycignore.",
        ) from error
    return info.size


def _leaves(path: str, target: str) -> bool:
    """Say whether a link's target lies outside of the tree, by its text alone."""
    return os.path.isabs(target) or os.path.normpath(os.path.join(os.path.dirname(path), target)).startswith("..")  # noqa: PTH117, PTH118, PTH120
