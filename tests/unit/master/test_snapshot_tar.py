"""A snapshot as a tar, as the master packs it and the clients unpack it."""

from __future__ import annotations

from pathlib import Path

from kyc.master.snapshots import _pack
from kyc.sdk.unpack import Unpacked, unpack


def passed_on(folder: Path, *files: str) -> Unpacked:
    source, packed = folder / "files", folder / "files.tar"
    source.mkdir()
    for name in files:
        (source / name).write_text("x")
    _pack(source, packed, 18)
    with packed.open("rb") as tar:
        return unpack(tar, folder / "out")


def test_it_says_which_snapshot_it_is(tmp_path: Path) -> None:
    done = passed_on(tmp_path, "a", "b")
    assert (done.files, done.sequence) == (2, 18)


def test_one_of_no_files_can_be_read_too(tmp_path: Path) -> None:
    done = passed_on(tmp_path)
    assert (done.files, done.sequence) == (0, None)
