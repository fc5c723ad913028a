"""What can go wrong with a folder as the stream: a slow or hanging disk, lost acknowledgements, damaged records."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event

import pytest

from kyc.adapters.directory import chunks as chunks_module
from kyc.adapters.directory import files as files_module
from kyc.adapters.directory.log import Log
from kyc.adapters.directory.stream import DirectoryStream
from kyc.domain.errors import DamagedDataError, FencedError, UnreachableError
from kyc.domain.snapshot import ChunkId


@pytest.fixture
async def stream(tmp_path: Path) -> AsyncIterator[DirectoryStream]:
    made = DirectoryStream(tmp_path, timeout_s=0.5)
    await made.create("train")
    yield made
    await made.close()


def name(number: int) -> ChunkId:
    return ChunkId(f"{number:064x}")


async def test_a_commit_may_take_longer_than_the_time_out_while_the_disk_goes_on(
    stream: DirectoryStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour's work of a first snapshot on a disk that forces a few files a second."""
    forced: list[Path] = []

    def slow(path: Path) -> None:
        time.sleep(0.004)
        forced.append(path)

    monkeypatch.setattr(chunks_module, "force", slow)
    writer = await stream.open_writer("train", 1)
    for number in range(200):
        await writer.put(name(number), b"x")
    began = time.monotonic()
    await writer.commit(b"manifest")
    assert time.monotonic() - began > 0.5
    assert len([path for path in forced if path.is_file()]) == 200
    await writer.commit(b"next")
    assert len([path for path in forced if path.is_file()]) == 200  # what is on the disk is not forced again


async def test_a_disk_that_hangs_is_unreachable_in_bounded_time(
    stream: DirectoryStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    mended = Event()
    writer = await stream.open_writer("train", 1)
    await writer.put(name(1), b"x")
    force = files_module.force
    with monkeypatch.context() as patched:
        patched.setattr(chunks_module, "force", lambda path: (mended.wait(20), force(path)))
        with pytest.raises(UnreachableError) as caught:
            await writer.commit(b"manifest")
    assert "mounted" in caught.value.next_step
    mended.set()
    sequence = await writer.commit(b"manifest")
    reader = await stream.open_reader("train")
    assert [ref.sequence for ref in await reader.manifests()] == [sequence]


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("overtaken", [True, False])
async def test_a_lost_acknowledgement_is_neither_doubled_nor_taken_for_fencing(
    stream: DirectoryStream, monkeypatch: pytest.MonkeyPatch, happened: bool, overtaken: bool
) -> None:
    writer = await stream.open_writer("train", 1)
    append = Log.append

    def lose(log: Log, number: int, record: object) -> bool:
        if happened:
            append(log, number, record)  # type: ignore[arg-type]
        raise OSError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(Log, "append", lose)
        with pytest.raises(UnreachableError):
            await writer.commit(b"manifest")
    reader = await stream.open_reader("train")
    if overtaken:
        await stream.open_writer("train", 2)
        with pytest.raises(FencedError):
            await writer.commit(b"manifest")
        assert len(await reader.manifests()) == happened
        return
    sequence = await writer.commit(b"manifest")
    assert [ref.sequence for ref in await reader.manifests()] == [sequence]
    assert await writer.commit(b"next") == sequence + 1


async def test_a_damaged_record_spoils_its_own_snapshot_and_no_other(stream: DirectoryStream, tmp_path: Path) -> None:
    writer = await stream.open_writer("train", 1)
    first, second, third = [await writer.commit(b"%d" % number) for number in range(3)]
    (tmp_path / "train" / "log" / f"{second:016}").write_bytes(b"rubbish")
    reader = await stream.open_reader("train")
    assert [ref.sequence for ref in await reader.manifests()] == [first, second, third]
    assert await reader.manifest(third) == b"2"
    with pytest.raises(DamagedDataError, match="record"):
        await reader.manifest(second)
    (tmp_path / "train" / "log" / f"{third:016}").write_bytes(b"")
    assert [ref.sequence for ref in await reader.manifests()][
        -1
    ] == third  # named, so that it is not skipped in silence
    with pytest.raises(DamagedDataError):
        await stream.open_writer("train", 2)  # who is fenced cannot be told
