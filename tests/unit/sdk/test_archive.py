"""Workdirs as archives: what goes in, and that the same tree has the same hash."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from kyc.domain.errors import InvalidInputError
from kyc.sdk.archive import Packed, pack


def packed(folder: Path) -> tuple[Packed, dict[str, tarfile.TarInfo]]:
    target = io.BytesIO()
    found = pack(folder, target)
    assert found.archive_bytes == len(target.getvalue())
    with (
        zstandard.ZstdDecompressor().stream_reader(io.BytesIO(target.getvalue())) as plain,
        tarfile.open(fileobj=plain, mode="r|") as tar,
    ):
        return found, {member.name: member for member in tar}


def fill(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


def test_the_same_tree_has_the_same_hash(tmp_path: Path) -> None:
    hashes = []
    for name, order in (("one", ["b/x", "a", "ä", "b.c"]), ("two", ["b.c", "ä", "a", "b/x"])):
        fill(tmp_path / name, *order)
        for path in (tmp_path / name).rglob("*"):
            os.utime(path, (1_000_000_000, 1_700_000_000))
        hashes.append(packed(tmp_path / name)[0].sha256)
    assert hashes[0] == hashes[1]
    (tmp_path / "two" / "a").chmod(0o755)
    assert packed(tmp_path / "two")[0].sha256 != hashes[0]


def test_links_modes_and_special_files(tmp_path: Path) -> None:
    fill(tmp_path, "run.sh", "data/x")
    (tmp_path / "run.sh").chmod(0o4755)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("data/x")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "out").symlink_to("/etc")
    (tmp_path / "hard").hardlink_to(tmp_path / "data" / "x")
    os.mkfifo(tmp_path / "pipe")
    found, members = packed(tmp_path)
    assert list(members) == ["data", "data/x", "empty", "hard", "link", "loop", "out", "run.sh"]
    assert members["run.sh"].mode == 0o755
    assert (members["link"].issym(), members["link"].linkname) == (True, "data/x")
    assert members["hard"].isreg()
    assert (members["hard"].uid, members["hard"].uname) == (0, "")
    assert (found.files, found.file_bytes) == (3, 6 + 6 + 6)
    assert [warning.split()[0] for warning in found.warnings] == ["out", "pipe"]


def test_gits_rules_apply_without_ours(tmp_path: Path) -> None:
    fill(
        tmp_path, ".git/config", "a.log", "keep.log", "build/x", "src/build/y", "src/z.tmp", "src/keep.tmp", "d/.git/x"
    )
    (tmp_path / ".gitignore").write_text("*.log\n!keep.log\n/build/\n*.tmp\n")
    (tmp_path / "src" / ".gitignore").write_text("!keep.tmp\n")
    _, members = packed(tmp_path)
    files = {name for name, member in members.items() if member.isreg()}
    assert files == {".gitignore", "keep.log", "src/build/y", "src/keep.tmp", "src/.gitignore"}


@pytest.mark.parametrize("names", [[".kycignore"], [".skyignore"], [".kycignore", ".skyignore"]])
def test_our_own_file_replaces_gits(tmp_path: Path, names: list[str]) -> None:
    fill(tmp_path, "a.log", "secret.env", "x")
    (tmp_path / ".gitignore").write_text("*.log\n")
    for name in names:
        (tmp_path / name).write_text("*.env\n.*ignore\n" if name == names[0] else "x\n")
    assert set(packed(tmp_path)[1]) == {"a.log", "x"}


def test_what_cannot_be_packed(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="not a folder"):
        pack(tmp_path / "none", io.BytesIO())


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    fill(tmp_path, "secret")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(InvalidInputError, match="secret"):
        pack(tmp_path, io.BytesIO())
