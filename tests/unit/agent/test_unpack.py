"""Archives that try to leave their folder do not."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from kyc.agent.unpack import unpack
from kyc.domain.errors import DamagedDataError

Member = tuple[str, bytes, str]  # name, type, link target or content


def write_archive(path: Path, *members: Member) -> Path:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, kind, text in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            member.mode = 0o6755
            if kind == tarfile.REGTYPE:
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
            else:
                member.linkname = text
                archive.addfile(member)
    path.write_bytes(zstandard.ZstdCompressor().compress(plain.getvalue()))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "root" / "work"
    made.mkdir(parents=True)
    return made


def test_files_folders_and_links_arrive(tmp_path: Path, folder: Path) -> None:
    archive = write_archive(
        tmp_path / "a",
        ("src", tarfile.DIRTYPE, ""),
        ("src/run.py", tarfile.REGTYPE, "pass"),
        ("src/link", tarfile.SYMTYPE, "run.py"),
        ("up", tarfile.SYMTYPE, "src/../src/run.py"),
        ("hard", tarfile.LNKTYPE, "src/run.py"),
        ("./dot", tarfile.REGTYPE, "x"),
    )
    unpack(archive, folder)
    assert (folder / "src" / "link").read_text() == "pass"
    assert (folder / "up").read_text() == "pass"
    assert (folder / "hard").samefile(folder / "src" / "run.py")
    assert (folder / "src" / "run.py").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize(
    "members",
    [
        [("/etc/evil", tarfile.REGTYPE, "x")],
        [("../evil", tarfile.REGTYPE, "x")],
        [("a/../../evil", tarfile.REGTYPE, "x")],
        [("../out", tarfile.SYMTYPE, "/etc")],
        [("out", tarfile.SYMTYPE, ".."), ("out/evil", tarfile.REGTYPE, "x")],
        [("out", tarfile.SYMTYPE, ".."), ("out/evil", tarfile.SYMTYPE, "/etc")],
        [("out", tarfile.SYMTYPE, ".."), ("hard", tarfile.LNKTYPE, "out/secret")],
        [("hard", tarfile.LNKTYPE, "../secret")],
        [("fifo", tarfile.FIFOTYPE, "")],
        [("dev", tarfile.CHRTYPE, "")],
        # each link stays inside by its text, together they leave
        [("a/b", tarfile.DIRTYPE, ""), ("a/b/up", tarfile.SYMTYPE, "../.."), ("x", tarfile.SYMTYPE, "a/b/up/.."),
         ("x/evil", tarfile.REGTYPE, "x")],
        [("a/b", tarfile.DIRTYPE, ""), ("a/b/up", tarfile.SYMTYPE, "../.."), ("x", tarfile.SYMTYPE, "a/b/up/.."),
         ("hard", tarfile.LNKTYPE, "x/secret")],
        [("a", tarfile.SYMTYPE, "b"), ("b", tarfile.SYMTYPE, "a"), ("a/evil", tarfile.REGTYPE, "x")],
    ],
)  # fmt: skip
def test_nothing_leaves_the_folder(tmp_path: Path, folder: Path, members: list[Member]) -> None:
    secret = folder.parent / "secret"
    secret.write_text("secret")
    with pytest.raises(DamagedDataError):
        unpack(write_archive(tmp_path / "a", *members), folder)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["secret", "work"]
    assert secret.stat().st_nlink == 1


def test_links_that_point_outside_stay_links(tmp_path: Path, folder: Path) -> None:
    archive = write_archive(
        tmp_path / "a", ("data", tarfile.SYMTYPE, "/mnt/data"), ("a/up", tarfile.SYMTYPE, "../../x")
    )
    unpack(archive, folder)
    assert os.readlink(folder / "data") == "/mnt/data"  # noqa: PTH115
    assert os.readlink(folder / "a" / "up") == "../../x"  # noqa: PTH115


def test_a_file_takes_the_place_of_a_link_and_is_not_written_through_it(tmp_path: Path, folder: Path) -> None:
    archive = write_archive(
        tmp_path / "a",
        ("kept", tarfile.REGTYPE, "kept"),
        ("name", tarfile.SYMTYPE, "kept"),
        ("name", tarfile.REGTYPE, "new"),
    )
    unpack(archive, folder)
    assert (folder / "kept").read_text() == "kept"
    assert (folder / "name").read_text() == "new"


@pytest.mark.parametrize("content", [b"", b"no archive", zstandard.ZstdCompressor().compress(b"no tar" * 500)])
def test_what_is_no_archive_is_an_error(tmp_path: Path, folder: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DamagedDataError):
        unpack(tmp_path / "a", folder)
