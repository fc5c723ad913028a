"""What can go wrong with an object store, on each kind of them: it is killed, refuses, and has two writers."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from random import Random
from subprocess import PIPE

import pytest

from kyc.adapters.objects.bucket import Bucket
from kyc.adapters.objects.open import check, open_stream
from kyc.domain.errors import CredentialError, FencedError, UnreachableError
from kyc.domain.finding import Verdict
from kyc.domain.snapshot import ChunkId, ChunkRef, StreamAccess
from kyc.ports.stream import Stream, StreamWriter
from tests.needs import need
from tests.objects.server import shared_server
from tests.objects.stores import STORES, Store

WRITER = """
import asyncio, sys
from kyc.adapters.objects.open import open_stream
from kyc.domain.errors import FencedError
from kyc.domain.snapshot import StreamAccess

async def main():
    stream = open_stream(StreamAccess(url=sys.argv[1], workload="train", token=sys.argv[2]))
    writer = await stream.open_writer("train", 1)
    number = 0
    try:
        while True:
            print(await writer.commit(b"1.%d" % number), flush=True)
            number += 1
            await asyncio.sleep(0.05)  # an agent's interval, and a short one
    except FencedError:
        print("fenced", flush=True)

asyncio.run(main())
"""


@pytest.fixture(params=list(STORES))
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with STORES[request.param]() as running:
        yield running


@pytest.fixture
async def stream(store: Store) -> AsyncIterator[Stream]:
    async with AsyncExitStack() as stack:
        stream = open_stream(store.access())
        stack.push_async_callback(stream.close)
        await stream.create("train")
        yield stream


async def put_until_stored(writer: StreamWriter, chunk: ChunkId, payload: bytes) -> ChunkRef:
    """As the engine does: repeat what did not get through."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await writer.put(chunk, payload)
            except UnreachableError:
                await asyncio.sleep(0.2)


@pytest.mark.parametrize("store", ["s3"], indirect=True)  # the emulators keep what they have in memory
async def test_a_server_killed_in_the_middle_of_a_flush_loses_nothing(stream: Stream) -> None:
    rng, server = Random(1), shared_server()
    data = {ChunkId(f"{n:064x}"): rng.randbytes(300_000) for n in range(60)}
    writer = await stream.open_writer("train", 1)
    before = await writer.commit(b"before")
    puts = [asyncio.ensure_future(put_until_stored(writer, chunk, payload)) for chunk, payload in data.items()]
    await asyncio.wait(puts, return_when=asyncio.FIRST_COMPLETED)
    server.kill()
    await asyncio.to_thread(server.start)
    refs = await asyncio.gather(*puts)
    sequence = await writer.commit(b"after" * 100_000)
    reader = await stream.open_reader("train")
    assert [ref.sequence for ref in await reader.manifests()] == [before, sequence]
    assert {chunk: payload async for chunk, payload in reader.chunks(refs)} == data


async def test_writers_in_two_processes_never_both_commit(store: Store, stream: Stream) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, store.url, store.token, stdout=PIPE)
    assert process.stdout is not None
    first = await asyncio.wait_for(process.stdout.readline(), 30)
    writer = await stream.open_writer("train", 2)
    ours = [await writer.commit(b"2.0"), await writer.commit(b"2.1")]
    rest = (await asyncio.wait_for(process.stdout.read(), 30)).decode().split()
    await process.wait()
    assert rest[-1] == "fenced"
    refs = await (await stream.open_reader("train")).manifests()
    assert [ref.sequence for ref in refs if ref.epoch == 1] == [int(first), *map(int, rest[:-1])]
    assert [ref.sequence for ref in refs if ref.epoch == 2] == ours
    assert [ref.epoch for ref in refs] == sorted(ref.epoch for ref in refs)


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("overtaken", [True, False])
async def test_a_lost_acknowledgement_is_neither_doubled_nor_taken_for_fencing(
    store: Store, stream: Stream, monkeypatch: pytest.MonkeyPatch, happened: bool, overtaken: bool
) -> None:
    writer = await stream.open_writer("train", 1)
    create = Bucket.create

    async def lose(bucket: Bucket, name: str, data: bytes) -> bool:
        if happened:
            await create(bucket, name, data)
        raise UnreachableError("cut off")

    monkeypatch.setattr(Bucket, "create", lose)
    with pytest.raises(UnreachableError):
        await writer.commit(b"manifest" * 100_000)
    monkeypatch.undo()
    if overtaken:
        await open_stream(store.access()).open_writer("train", 2)
    reader = await stream.open_reader("train")
    if overtaken and not happened:
        with pytest.raises(FencedError):
            await writer.commit(b"manifest" * 100_000)
        assert await reader.manifests() == []
        return
    sequence = await writer.commit(b"manifest" * 100_000)
    assert [ref.sequence for ref in await reader.manifests()] == [sequence]
    assert await reader.manifest(sequence) == b"manifest" * 100_000


async def test_a_discarded_last_snapshot_still_bars_its_number(store: Store, stream: Stream) -> None:
    old = await stream.open_writer("train", 1)
    last = await old.commit(b"last")
    await stream.discard("train", manifests=[last], chunks=[])
    new = await open_stream(store.access()).open_writer("train", 2)
    with pytest.raises(FencedError):
        await old.commit(b"too late")
    assert await new.commit(b"new") > last


async def test_wrong_credentials_are_said_so(store: Store) -> None:
    stream = open_stream(store.access(store.wrong))
    with pytest.raises(CredentialError) as caught:
        await stream.create("train")
    assert store.wrong not in str(caught.value) + caught.value.next_step


async def test_nobody_there_is_unreachable_in_bounded_time() -> None:
    need("objects")
    url = "s3://kyc/x?endpoint=http://127.0.0.1:9&region=us-east-1&timeout=2"
    stream = open_stream(StreamAccess(url=url, workload="", token="a:b"))
    started = time.monotonic()
    with pytest.raises(UnreachableError):
        await stream.create("train")
    assert time.monotonic() - started < 10
    findings = await check(StreamAccess(url=url, workload="", token="a:b"))
    assert [(finding.subject, finding.verdict) for finding in findings] == [("put", Verdict.BAD)]


async def test_the_check_passes_on_a_store_that_keeps_conditions(store: Store) -> None:
    findings = await check(store.access())
    assert [finding.verdict for finding in findings] == [Verdict.GOOD] * 5


async def test_looking_again_reads_the_last_entry_only(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = await stream.open_writer("train", 1)
    sequences = [await writer.commit(b"%d" % number) for number in range(4)]
    reader = await stream.open_reader("train")
    assert [ref.sequence for ref in await reader.manifests()] == sequences
    read: list[str] = []
    get = Bucket.get

    async def counted(bucket: Bucket, name: str) -> bytes:
        read.append(name)
        return await get(bucket, name)

    monkeypatch.setattr(Bucket, "get", counted)
    assert [ref.sequence for ref in await reader.manifests()] == sequences
    assert len(read) == 1
    sequences.append(await writer.commit(b"more"))
    await stream.discard("train", manifests=sequences[:2], chunks=[])
    assert [ref.sequence for ref in await reader.manifests()] == sequences[2:]
    await stream.discard("train", manifests=sequences[-1:], chunks=[])  # the last one is emptied in its place
    assert [ref.sequence for ref in await reader.manifests()] == sequences[2:-1]
    sequences.append(await writer.commit(b"the next"))
    assert [ref.sequence for ref in await reader.manifests()] == [*sequences[2:4], sequences[-1]]
    await writer.close()


async def test_a_long_log_is_not_listed_to_open_it(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = await stream.open_writer("train", 1)
    for number in range(12):  # past where names that count up would need another digit
        last = await writer.commit(b"%d" % number)
    seen: list[str] = []
    names = Bucket.names

    async def counted(bucket: Bucket, prefix: str) -> AsyncGenerator[str, None]:
        async for name in names(bucket, prefix):
            seen.append(name)
            yield name

    monkeypatch.setattr(Bucket, "names", counted)
    newer = await stream.open_writer("train", 2)
    assert len(seen) == 1
    assert await newer.commit(b"newer") == last + 2
    with pytest.raises(FencedError):
        await writer.commit(b"too late")


async def test_a_busy_writer_is_overtaken_without_listing_again(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = await stream.open_writer("train", 1)
    create, first = Bucket.create, Bucket.first
    lists, commits = 0, 0

    async def overtaken(bucket: Bucket, name: str, data: bytes) -> bool:
        nonlocal commits
        commits += 1
        if commits <= 10:
            monkeypatch.setattr(Bucket, "create", create)
            await busy.commit(b"%d" % commits)
            monkeypatch.setattr(Bucket, "create", overtaken)
        return await create(bucket, name, data)

    async def counted(bucket: Bucket, prefix: str) -> str | None:
        nonlocal lists
        lists += 1
        return await first(bucket, prefix)

    monkeypatch.setattr(Bucket, "create", overtaken)
    monkeypatch.setattr(Bucket, "first", counted)
    await stream.open_writer("train", 2)
    monkeypatch.undo()
    assert (lists, commits) == (1, 11)
    with pytest.raises(FencedError):
        await busy.commit(b"too late")
    assert len(await (await stream.open_reader("train")).manifests()) == 10
