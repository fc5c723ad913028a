"""One measured thing in a process of its own, as on an instance.

    python -m bench.data_worker VERB ROOT < access.json

Prints one JSON object: seconds of the work itself, bytes, CPU seconds, and the peak of its memory. With KYC_BENCH_AGENT
all of an agent's modules are loaded, so that the memory is an agent's; without, what the work needs.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from kyc.adapters.nats.nkey import Key
from kyc.adapters.system.clock import SystemClock
from kyc.domain.snapshot import ChunkId, StreamAccess
from kyc.ports.stream import Stream
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import ReplicationOptions, WorkloadFiles
from kyc.streams import connect

KEY = bytes(range(32))
MIB = 1024 * 1024
RAW_BYTES = 245_000  # the mean of our chunks
RAW_AT_ONCE = ReplicationOptions().in_flight_bytes // RAW_BYTES
IDLE_S = 6.0

Figures = dict[str, float]


class Work:
    """The verbs, on one workload's place in a stream."""

    def __init__(self, stream: Stream, access: StreamAccess, root: Path) -> None:
        self._stream = stream
        self._access = access
        self._files = WorkloadFiles(name=access.workload, root=root, key=KEY)

    async def snapshot(self) -> Figures:
        """A first snapshot."""
        replicator = await self._replicator()
        started = time.perf_counter()
        commit = await replicator.flush()
        seconds = time.perf_counter() - started
        replicator.close()
        return {"seconds": seconds, "bytes": commit.bytes, "sent_bytes": commit.sent_bytes}

    async def restore(self) -> Figures:
        """A first restore."""
        reader = await self._stream.open_reader(self._access.workload)
        restorer = Restorer(self._files, reader, clock=SystemClock())
        started = time.perf_counter()
        done = await restorer.restore()
        seconds = time.perf_counter() - started
        restorer.close()
        return {"seconds": seconds, "bytes": done.bytes, "fetched_bytes": done.fetched_bytes}

    async def rewrite(self) -> Figures:
        """A second snapshot after 5 % of the files was written over in place, in runs of 1 MiB anywhere."""
        replicator = await self._replicator()
        await replicator.flush()
        changed = overwrite(self._files.root, share=0.05)
        started = time.perf_counter()
        commit = await replicator.flush()
        seconds = time.perf_counter() - started
        replicator.close()
        return {"seconds": seconds, "changed_bytes": changed, "sent_bytes": commit.sent_bytes}

    async def insert(self) -> Figures:
        """A second snapshot after 1 MB was inserted at the front of each file."""
        replicator = await self._replicator()
        await replicator.flush()
        for path in self._files.root.iterdir():
            old = path.read_bytes()
            path.write_bytes(os.urandom(1_000_000) + old)
        commit = await replicator.flush()
        replicator.close()
        return {"sent_bytes": commit.sent_bytes}

    async def idle(self) -> Figures:
        """A replicator with nothing to do; its memory now, not its peak."""
        replicator = await self._replicator()
        running = asyncio.create_task(replicator.run())
        await asyncio.sleep(IDLE_S)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        replicator.close()
        return {"rss_mb": rss_mb()}

    async def raw(self) -> Figures:
        """A producer that only puts random payloads, through our own client."""
        writer = await self._stream.open_writer(self._access.workload, 1)
        payload = os.urandom(RAW_BYTES)

        async def put(number: int) -> None:
            await writer.put(ChunkId(f"{number:064x}"), payload)

        return await produce(put)

    async def raw_nats_py(self) -> Figures:
        """The same with nats-py, the library that NATS gives to Python."""
        import nats  # noqa: PLC0415  # a development dependency

        seed, _, jwt = self._access.token.partition(":")
        key = Key.from_seed(seed)

        def sign(nonce: str) -> bytes:
            signature = key.sign(nonce.encode())
            return base64.b64encode(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))

        client = await nats.connect(
            self._access.url,
            user_jwt_cb=lambda: bytearray(jwt.encode()),
            signature_cb=sign,
            inbox_prefix=f"_KYC.{self._access.workload}",
            pending_size=64 * MIB,
        )
        jetstream = client.jetstream()
        payload = os.urandom(RAW_BYTES)

        async def put(number: int) -> None:
            await jetstream.publish(f"kyc.{self._access.workload}.c.{number:064x}", payload, timeout=60)

        figures = await produce(put)
        await client.close()
        return figures

    async def _replicator(self) -> Replicator:
        writer = await self._stream.open_writer(self._access.workload, 1)
        return Replicator(self._files, writer, clock=SystemClock())


async def produce(put: Callable[[int], Awaitable[None]]) -> Figures:
    """Put as many payloads as the files would be, so many at once as a snapshot has in flight."""
    count = int(os.environ["KYC_BENCH_BYTES"]) // RAW_BYTES
    numbers = iter(range(count))

    async def lane() -> None:
        for number in numbers:
            await put(number)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(RAW_AT_ONCE):
            group.create_task(lane())
    return {"seconds": time.perf_counter() - started, "bytes": count * RAW_BYTES}


def overwrite(root: Path, *, share: float) -> int:
    """Write random bytes over so much of the files, in runs of 1 MiB that do not overlap; return how many."""
    rng = random.Random(7)
    changed = 0
    for path in sorted(root.iterdir()):
        slots = path.stat().st_size // (2 * MIB)
        with path.open("r+b") as file:
            for slot in rng.sample(range(slots), max(1, round(share * 2 * slots))):
                file.seek(slot * 2 * MIB + rng.randrange(MIB))
                changed += file.write(os.urandom(MIB))
    return changed


def rss_mb() -> float:
    """Return this process's memory now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_rss_mb() -> float:
    """Return the most memory this process has had, in MB; `getrusage` would count its parent's, from before `exec`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("the kernel does not tell VmHWM")


async def work(verb: str, root: Path, access: StreamAccess) -> Figures:
    """Do one verb."""
    stream = connect(access)
    try:
        return await getattr(Work(stream, access, root), verb)()
    finally:
        await stream.close()


def main() -> None:
    """Read the access, do the verb, print the figures."""
    access = StreamAccess(**json.load(sys.stdin))
    if "KYC_BENCH_AGENT" in os.environ:
        import kyc.agent.app  # noqa: PLC0415
        import kyc.agent.session  # noqa: F401, PLC0415  # for its weight
    figures = asyncio.run(work(sys.argv[1], Path(sys.argv[2]), access))
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures |= {"cpu_s": used.ru_utime + used.ru_stime, "peak_rss_mb": peak_rss_mb()}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
