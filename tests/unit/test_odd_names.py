"""Names that are not UTF-8, which the kernel allows: the whole way of a file, and what people are told of it."""

from __future__ import annotations

import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path

from kyc.agent.unpack import unpack as unpack_workdir
from kyc.domain.snapshot import SnapshotSummary
from kyc.master import snapshots
from kyc.master.views import snapshot_row
from kyc.sdk.archive import pack
from kyc.sdk.unpack import unpack
from kyc.wire.agent import Fact, Released, frame, read_from_agent
from tests.unit.snapshot.trees import seen

ODD = os.fsdecode(b"caf\xe9")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def fill(folder: Path) -> None:
    (folder / f"d{ODD}").mkdir(parents=True)
    (folder / f"d{ODD}" / ODD).write_text("1")
    (folder / "link").symlink_to(f"d{ODD}/{ODD}")
    (folder / "ünïcode").write_text("2")


def test_a_workdir_goes_to_the_instance(tmp_path: Path) -> None:
    fill(tmp_path / "a")
    with (tmp_path / "packed").open("wb") as file:
        pack(tmp_path / "a", file)
    (tmp_path / "b").mkdir()
    unpack_workdir(tmp_path / "packed", tmp_path / "b")
    assert {path: one.read_bytes() for path, one in files(tmp_path / "a")} == {
        path: one.read_bytes() for path, one in files(tmp_path / "b")
    }


def files(folder: Path) -> list[tuple[str, Path]]:
    found = [(str(path.relative_to(folder)), path) for path in sorted(folder.rglob("*")) if path.is_file()]
    assert len(found) == 3
    return found


def test_a_snapshots_tar_comes_back(tmp_path: Path) -> None:
    fill(tmp_path / "a")
    snapshots._pack(tmp_path / "a", tmp_path / "tar", 1)
    with (tmp_path / "tar").open("rb") as file:
        unpack(file, tmp_path / "b")
    assert seen(tmp_path / "a").keys() == seen(tmp_path / "b").keys()


def test_facts_that_name_such_files_can_be_told() -> None:
    told = Released(at=AT, attempt="train.1", missed=[f"d/{ODD}", "ünïcode"])
    read = read_from_agent(frame(Fact(number=7, fact=told)))
    assert isinstance(read, Fact)
    assert isinstance(read.fact, Released)
    assert (read.number, read.fact.at, read.fact.missed) == (7, AT, ["d/caf\\xe9", "ünïcode"])


def test_people_are_told_such_names_in_text_that_can_be_sent(tmp_path: Path) -> None:
    summary = SnapshotSummary(sequence=1, epoch=1, taken_at=AT, files=1, bytes=1, missed=(ODD,))
    assert snapshot_row(summary).missed == ["caf\\xe9"]
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / ODD)
    with (tmp_path / "packed").open("wb") as file:
        (warning,) = pack(tmp_path / "a", file).warnings
    assert warning.startswith("caf\\xe9 is neither")
    with tarfile.open(tmp_path / "tar", "w") as tar:
        pipe = tarfile.TarInfo(ODD)
        pipe.type = tarfile.FIFOTYPE
        tar.addfile(pipe)
    with (tmp_path / "tar").open("rb") as file:
        assert unpack(file, tmp_path / "b").left_out == ("caf\\xe9",)
