"""Files over 4 GB, and changes that no inode tells."""

from __future__ import annotations

import os

import pytest

from kyc.snapshot.listing import Signature
from kyc.snapshot.workload import ReplicationOptions
from tests.unit.snapshot.lab import Lab

SIZE = 5_000_000_000
PLACES = (0, 1 << 31, (1 << 32) - 1, SIZE - 4096)  # around where 31 and 32 bits end


async def test_a_file_over_4_gb_comes_back_byte_for_byte_with_its_holes(lab: Lab) -> None:
    written = {place: os.urandom(4096) for place in PLACES}
    with (lab.source / "model").open("wb") as file:
        file.truncate(SIZE)
        for place, data in written.items():
            os.pwrite(file.fileno(), data, place)
    replicator = await lab.replicator()
    assert (await replicator.flush()).bytes == SIZE
    written[PLACES[2]] = os.urandom(4096)
    with (lab.source / "model").open("r+b") as file:
        os.pwrite(file.fileno(), written[PLACES[2]], PLACES[2])
    assert (await replicator.flush()).sent_bytes < 100_000
    await (await lab.restorer()).restore()
    copy = lab.folder / "copy" / "model"
    assert copy.stat().st_size == SIZE
    assert copy.stat().st_blocks * 512 < 1_000_000
    with copy.open("rb") as file:
        for place, data in written.items():
            assert os.pread(file.fileno(), 4096, place) == data
        assert not any(os.pread(file.fileno(), 1_000_000, 1_000_000_000))


@pytest.mark.parametrize("paranoid", [False, True])
async def test_what_no_inode_tells_is_found_by_the_paranoid(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, paranoid: bool
) -> None:
    """A file system whose times lie: here every inode always says the same."""
    for module in ("take", "read", "plan"):
        monkeypatch.setattr(f"kyc.snapshot.{module}.signature_of", lambda _: Signature(1, 1))
    place = lab.source / "state"
    place.write_bytes(b"old")
    before = place.stat()
    replicator = await lab.replicator(options=ReplicationOptions(paranoid=paranoid))
    await replicator.flush()
    place.write_bytes(b"new")
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (await replicator.flush()).read_bytes == (3 if paranoid else 0)
    await (await lab.restorer()).restore()
    assert (lab.folder / "copy" / "state").read_bytes() == (b"new" if paranoid else b"old")
