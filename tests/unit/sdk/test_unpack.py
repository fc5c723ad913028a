"""Tars of a master that may be broken or hostile."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from kyc.domain.errors import ConflictError, DamagedDataError, InvalidInputError
from kyc.sdk.unpack import unpack
from kyc.wire.archive import header_of


def tar_of(*members: tarfile.TarInfo, header: dict[str, str] | None = None) -> io.BytesIO:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", pax_headers=header) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    target.seek(0)
    return target


def member(name: str, kind: bytes = tarfile.REGTYPE, *, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, target, size, 0o754
    return info


def test_links_that_leave_stay_links_and_are_named(tmp_path: Path) -> None:
    done = unpack(
        tar_of(
            member("a", size=3),
            member("in", tarfile.SYMTYPE, target="a"),
            member("abs", tarfile.SYMTYPE, target="/etc/passwd"),
            member("up", tarfile.SYMTYPE, target="../../x"),
            member("dev", tarfile.CHRTYPE),
        ),
        tmp_path / "new" / "out",
    )
    assert (done.left_out, done.outward) == (("dev",), ("abs", "up"))
    assert os.readlink(done.folder / "abs") == "/etc/passwd"  # noqa: PTH115
    assert os.readlink(done.folder / "up") == "../../x"  # noqa: PTH115
    assert (done.files, done.bytes) == (1, 3)
    assert {path.name for path in done.folder.iterdir()} == {"a", "in", "abs", "up"}
    assert (done.folder / "a").stat().st_mode & 0o777 == 0o754


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert unpack(tar_of(member("a")), tmp_path / "out").files == 1


@pytest.mark.parametrize("name", ["../x", "a/../../x"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(DamagedDataError, match="hostile"):
        unpack(tar_of(member("a"), member(name)), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_no_way_out(tmp_path: Path) -> None:
    """Links outward come last, so that what would go through one becomes a harmless file of our own."""
    outward = member("d", tarfile.SYMTYPE, target=str(tmp_path))
    through = member("d/e", tarfile.SYMTYPE, target="/etc")
    done = unpack(tar_of(outward, member("d/x", size=1), through), tmp_path / "out")
    assert not (tmp_path / "x").exists()
    assert (done.left_out, done.outward) == (("d",), ("d/e",))
    two = unpack(tar_of(outward, through), tmp_path / "two")
    assert not (tmp_path / "e").is_symlink()
    assert (two.left_out, two.outward) == (("d/e",), ("d",))


@pytest.mark.parametrize("data", [b"", b"not a tar" * 100, tar_of(member("a", size=5000)).getvalue()[:3000]])
def test_half_a_tar_leaves_nothing(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DamagedDataError):
        unpack(io.BytesIO(data), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_where_it_cannot_go(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    with pytest.raises(InvalidInputError):
        unpack(tar_of(), tmp_path / "file")
    with pytest.raises(InvalidInputError):
        unpack(tar_of(), tmp_path / "file" / "below")
    with pytest.raises(ConflictError):
        unpack(tar_of(), tmp_path / "full")


def test_a_tar_says_which_snapshot_it_is(tmp_path: Path) -> None:
    assert unpack(tar_of(member("a"), header=header_of(18)), tmp_path / "told").sequence == 18
    assert unpack(tar_of(member("a"), header={"comment": "mine"}), tmp_path / "other").sequence is None
    assert unpack(tar_of(member("a")), tmp_path / "silent").sequence is None
