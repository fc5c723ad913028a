"""A snapshot's tar into a folder: never outside of it, never half of it.

Files are written beside the folder and renamed into place at the end. Python's `data` filter guards every entry;
anything that tries to write outside ends the restore. Links that point outside are made last, when nothing is written
any more that could go through them, and named.
"""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kyc.domain.errors import ConflictError, DamagedDataError, InvalidInputError, KycError, OutOfSpaceError
from kyc.wire.archive import sequence_of
from kyc.wire.text import legible


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """What came out: the folder, its regular files and their bytes, and by name the entries left out.

    `sequence` is the snapshot's number, if the tar names one.
    `outward`: links that are there, and point outside of the folder.
    """

    folder: Path
    files: int
    bytes: int
    sequence: int | None = None
    left_out: tuple[str, ...] = ()
    outward: tuple[str, ...] = ()


def check_target(folder: Path) -> Path:
    """Return the absolute folder; raise ConflictError if it holds something, InvalidInputError if it cannot be one."""
    target = folder.expanduser().absolute()
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise InvalidInputError(f"{folder} is not a folder", next_step="Name a new or an empty folder.")
    if target.is_dir() and any(target.iterdir()):
        raise ConflictError(f"{folder} is not empty", next_step="Name a new or an empty folder.")
    return target


def unpack(source: IO[bytes], folder: Path) -> Unpacked:
    """Read a tar to its end and put its entries into the folder, which must be new or empty.

    Raises as `check_target` does, DamagedDataError for a tar that is cut off or hostile, OutOfSpaceError or
    InvalidInputError if the disk refuses; in each case nothing is left behind.
    """
    target = check_target(folder)
    beside: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        done = _extract(source, beside, target)
        beside.chmod(0o755)
        beside.rename(target)
    except (tarfile.TarError, EOFError, KeyError) as error:  # KeyError: a hard link to no member
        raise DamagedDataError(f"what the master sent is not a whole tar: {error}", next_step="Try again.") from error
    except OSError as error:
        raise _refused(folder, error) from error
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)
    return done


def _extract(source: IO[bytes], beside: Path, target: Path) -> Unpacked:
    files = size = 0
    left_out: list[str] = []
    outward: list[tarfile.TarInfo] = []
    with tarfile.open(fileobj=source, mode="r|") as tar:
        for member in tar:
            try:
                tar.extract(member, beside, filter="data")
            except (tarfile.AbsoluteLinkError, tarfile.LinkOutsideDestinationError, tarfile.SpecialFileError):
                if member.issym():
                    outward.append(member)
                else:
                    left_out.append(legible(member.name))
                continue
            except tarfile.FilterError as error:
                raise DamagedDataError(
                    f"the snapshot has a hostile entry: {error}", next_step="Do not trust this master."
                ) from error
            files += member.isreg()
            size += member.size if member.isreg() else 0
        sequence = sequence_of(tar.pax_headers)
    made = [legible(member.name) for member in outward if _link_outward(member, beside)]
    left_out += [name for member in outward if (name := legible(member.name)) not in made]
    return Unpacked(
        folder=target,
        files=files,
        bytes=size,
        sequence=sequence,
        left_out=tuple(left_out),
        outward=tuple(made),
    )


def _link_outward(member: tarfile.TarInfo, beside: Path) -> bool:
    """Make a link whose place was checked with its target already; say whether it could be."""
    place = beside / member.name
    if os.path.lexists(place) or not place.parent.resolve().is_relative_to(beside.resolve()):
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(member.linkname, place)  # noqa: PTH211  # a Path would tidy the text, and the text is the content
    return True


def _refused(folder: Path, error: OSError) -> KycError:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return OutOfSpaceError(f"the disk of {folder} is full", next_step="Make room, or name another folder.")
        case errno.ENOTEMPTY:
            return ConflictError(f"{folder} was filled meanwhile", next_step="Name a new or an empty folder.")
    return InvalidInputError(
        f"{folder} cannot be written: {error.strerror or error}", next_step="Name a folder that you may write."
    )
