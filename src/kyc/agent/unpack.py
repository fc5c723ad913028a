"""Unpacks an archive that may be hostile: nothing of it lands outside the folder."""

from __future__ import annotations

import os
import posixpath
import tarfile
from pathlib import Path

import zstandard

from kyc.domain.errors import DamagedDataError, OutOfSpaceError
from kyc.wire.text import legible

_NO_SPACE = {28, 122}  # ENOSPC, EDQUOT
_PERMISSIONS = 0o777


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the tar.zst into the folder, which is there.

    Files, folders, symbolic and hard links only, no owners, no set-user-id bits. A symbolic link may point anywhere:
    those that lead outside are made last. Raises DamagedDataError for an archive that cannot be read, or has a path or
    a hard link that leaves the folder, OutOfSpaceError for a full disk.
    """
    try:
        with (
            archive.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as plain,
            tarfile.open(fileobj=plain, mode="r|") as members,
        ):
            members.extraction_filter = lambda member, _: member  # ours is below
            outward: list[tarfile.TarInfo] = []
            for member in members:
                if member.issym() and _stays_inside(member.name) and not _points_inside(member):
                    outward.append(member)
                else:
                    members.extract(_checked(member, folder.resolve()), folder)
            for member in outward:
                _link_outward(member, folder)
    except (tarfile.TarError, zstandard.ZstdError, EOFError, KeyError) as error:  # KeyError: a link to no member
        raise DamagedDataError(f"the archive cannot be unpacked: {error}", next_step="Submit the job again.") from error
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise OutOfSpaceError(
                "the instance's disk is too small for the workdir", next_step="Ask for a larger one, or submit less."
            ) from error
        raise DamagedDataError(f"the archive cannot be unpacked: {error}", next_step="Submit the job again.") from error


def _checked(member: tarfile.TarInfo, folder: Path) -> tarfile.TarInfo:
    """Return the member as it may be written, with the way free for it; raise DamagedDataError if it must not be.

    A path that stays inside by its text may still leave through links unpacked before it, so the disk is asked too.
    """
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise _hostile(member, "is neither a file, a folder nor a link")
    if not _stays_inside(member.name):
        raise _hostile(member, "would leave the workdir")
    if member.islnk() and not (_stays_inside(member.linkname) and _is_inside(folder / member.linkname, folder)):
        raise _hostile(member, f"links out of the workdir, to {member.linkname}")
    target = folder / member.name
    if target != folder and not _is_inside(target.parent, folder):
        raise _hostile(member, "would leave the workdir through a link")
    if target.is_symlink():
        target.unlink()  # written in its place, never through it
    member.uid = member.gid = -1
    member.uname = member.gname = ""
    member.mode &= _PERMISSIONS
    return member


def _link_outward(member: tarfile.TarInfo, folder: Path) -> None:
    place = folder / member.name
    if os.path.lexists(place) or not _is_inside(place.parent, folder.resolve()):
        raise _hostile(member, "would lie where something else does, or behind another link")
    place.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(member.linkname, place)  # noqa: PTH211  # a Path would tidy the text, and the text is the content


def _points_inside(link: tarfile.TarInfo) -> bool:
    return _stays_inside(posixpath.join(posixpath.dirname(link.name), link.linkname))


def _stays_inside(path: str) -> bool:
    return not posixpath.isabs(path) and "\0" not in path and posixpath.normpath(path).split("/")[0] != ".."


def _is_inside(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder)
    except RuntimeError:  # links in a circle
        return False


def _hostile(member: tarfile.TarInfo, what: str) -> DamagedDataError:
    return DamagedDataError(
        f"the archive has a path that {what}: {legible(member.name)}", next_step="Remove it and submit again."
    )
