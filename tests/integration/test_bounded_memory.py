"""Flushes and restores in bounded memory: a file larger than what is allowed, and more files than are held at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LARGE = 400_000_000
FILES = 60_000  # more than a restore remembers (50,000), or writes in one go (20,000)
LIMIT_MIB = 128  # of a whole agent that flushes

ENGINE = """
import asyncio, json, sys
from pathlib import Path
from kyc.adapters.directory.stream import DirectoryStream
from kyc.adapters.system.clock import SystemClock
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import WorkloadFiles

async def main(verb, stream, root):
    stream = DirectoryStream(Path(stream))
    files = WorkloadFiles(name="train", root=Path(root), key=bytes(range(32)))
    if verb == "flush":
        await stream.create("train")
        engine = Replicator(files, await stream.open_writer("train", 1), clock=SystemClock())
        done = await engine.flush()
    else:
        engine = Restorer(files, await stream.open_reader("train"), clock=SystemClock())
        done = await engine.restore()
    engine.close()
    # Not getrusage: its peak is that of who started us, if that is higher.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    print(json.dumps({"files": done.files, "bytes": done.bytes, "peak_mib": peak}))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.timeout(300)
def test_neither_a_large_file_nor_many_files_are_ever_in_memory(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "large").open("wb") as file:
        for _ in range(LARGE // 1_000_000):
            file.write(os.urandom(1_000_000))
    for number in range(FILES):
        if number % 1000 == 0:
            (source / f"d{number // 1000}").mkdir()
        (source / f"d{number // 1000}" / f"f{number}").write_bytes(b"%d" % number)
    for verb, root in (("flush", source), ("restore", tmp_path / "copy")):
        done = run(verb, tmp_path / "stream", root)
        print(f"{verb}: {done['peak_mib']:.0f} MiB at most")
        assert (done["files"], done["bytes"] > LARGE) == (FILES + 1, True)
        assert done["peak_mib"] < LIMIT_MIB
    assert (tmp_path / "copy" / "d59" / "f59999").read_bytes() == b"59999"


def run(verb: str, stream: Path, root: Path) -> dict[str, float]:
    """Do it in a process of its own, and return what it came to."""
    arguments = (sys.executable, "-c", ENGINE, verb, str(stream), str(root))
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, float] = json.loads(done.stdout)
    return told
