"""What an agent's memory comes to on a file of 10 GB and on 200,000 files: `make bench-data` with KYC_BENCH_HUGE=1.

Every byte is read, cut, hashed, sealed, and comes back; the content shrinks well, so that the stream stays small.
"""

from __future__ import annotations

from pathlib import Path

from bench.data_contender import Ours, empty
from bench.data_figures import Result

_FILE_BYTES = 10_000_000_000
_BLOCK_BYTES = 64 * 1024
_FILES = 200_000
_FILES_IN_A_FOLDER = 2_000


def huge(stream: Ours, folder: Path) -> Result:
    """Return the peaks of a snapshot and a restore of each, in MB."""
    result: Result = {}
    for name, make in (("file", make_file), ("files", make_files)):
        root, copy = folder / name, folder / f"{name}-copy"
        root.mkdir()
        make(root)
        place = stream.place()
        for verb, at in (("snapshot", root), ("restore", copy)):
            run = stream.run(verb, at, place, KYC_BENCH_AGENT="1")
            figures = run.figures or {}
            print(f"  huge {name} {verb}: {run.seconds:.0f} s, {figures['bytes'] / 1e6:.0f} MB", flush=True)
            result[f"huge_{name}_{verb}_rss_mb"] = figures["peak_rss_mb"]
            empty(root if verb == "snapshot" else copy)  # room for the copy
        stream.forget(place)
    return result


def make_file(root: Path) -> None:
    """Write one file of 10 GB in which no block is like another."""
    filler = bytes(_BLOCK_BYTES - 8)
    with (root / "file").open("wb") as file:
        for number in range(_FILE_BYTES // _BLOCK_BYTES):
            file.write(number.to_bytes(8) + filler)


def make_files(root: Path) -> None:
    """Write 200,000 files, none like another."""
    for number in range(_FILES):
        place = root / f"d{number // _FILES_IN_A_FOLDER:03}"
        place.mkdir(exist_ok=True)
        (place / f"f{number:06}").write_bytes(number.to_bytes(8) * 64)
