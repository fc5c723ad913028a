"""What ports.stream promises, run on every back end."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from kyc.domain.errors import FencedError, InvalidInputError, NotFoundError
from kyc.domain.finding import Verdict
from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.ports.stream import MAX_PAYLOAD_BYTES, Stream, StreamReader
from kyc.snapshot.probe import try_out
from tests.contract.stream_backend import BACKENDS, Backend


@pytest.fixture(params=sorted(BACKENDS))
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    async with BACKENDS[request.param](tmp_path) as running:
        yield running


@pytest.fixture
async def connections() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


class Connect:
    """Opens connections that are closed at the end of the test."""

    def __init__(self, backend: Backend, stack: AsyncExitStack) -> None:
        self._backend = backend
        self._stack = stack

    async def __call__(self) -> Stream:
        stream = await self._backend.connect()
        self._stack.push_async_callback(stream.close)
        return stream


@pytest.fixture
def connect(backend: Backend, connections: AsyncExitStack) -> Connect:
    return Connect(backend, connections)


@pytest.fixture
async def stream(connect: Connect) -> Stream:
    opened = await connect()
    await opened.create("train")
    return opened


def chunk_id(payload: bytes) -> ChunkId:
    return ChunkId(hashlib.sha256(payload).hexdigest())


def body(number: int, size: int = 1000) -> bytes:
    return (f"payload {number} ".encode() * (size // 8 + 1))[:size]


async def read(reader: StreamReader, refs: list[ChunkRef]) -> dict[ChunkId, bytes]:
    found: dict[ChunkId, bytes] = {}
    async for chunk, payload in reader.chunks(refs):
        assert chunk not in found, "a chunk was yielded twice"
        found[chunk] = payload
    return found


async def test_a_committed_snapshot_is_read_back_by_another_connection(stream: Stream, connect: Connect) -> None:
    writer = await stream.open_writer("train", 1)
    refs = [await writer.put(chunk_id(body(n)), body(n)) for n in range(5)]
    sequence = await writer.commit(b"the manifest")
    reader = await (await connect()).open_reader("train")
    assert [(ref.sequence, ref.epoch) for ref in await reader.manifests()] == [(sequence, 1)]
    assert await reader.manifest(sequence) == b"the manifest"
    assert await read(reader, refs) == {chunk_id(body(n)): body(n) for n in range(5)}


async def test_create_is_repeatable_and_keeps_what_is_there(stream: Stream) -> None:
    writer = await stream.open_writer("train", 1)
    sequence = await writer.commit(b"kept")
    await stream.create("train")
    assert await (await stream.open_reader("train")).manifest(sequence) == b"kept"


async def test_a_workload_without_a_place_is_not_found(stream: Stream) -> None:
    with pytest.raises(NotFoundError):
        await stream.open_writer("nobody", 1)
    with pytest.raises(NotFoundError):
        await stream.open_reader("nobody")


async def test_delete_removes_everything(stream: Stream) -> None:
    writer = await stream.open_writer("train", 1)
    await writer.commit(b"gone")
    await stream.delete("train")
    await stream.delete("train")
    with pytest.raises(NotFoundError):
        await stream.open_reader("train")
    await stream.create("train")
    assert await (await stream.open_reader("train")).manifests() == []
    await stream.open_writer("train", 1)


async def test_a_place_deleted_under_who_uses_it_is_said_so(stream: Stream, connect: Connect) -> None:
    here = await connect()
    writer = await here.open_writer("train", 1)
    ref = await writer.put(chunk_id(b"a"), b"a")
    sequence = await writer.commit(b"first")
    reader = await here.open_reader("train")
    late = await writer.put(chunk_id(b"late"), b"late")
    await stream.delete("train")
    for attempt in (
        lambda: writer.commit(b"second"),
        lambda: writer.commit(b"third"),
        reader.manifests,
        lambda: reader.manifest(sequence),
        lambda: read(reader, [ref, late]),
        lambda: here.discard("train", manifests=[sequence], chunks=[ref]),
    ):
        with pytest.raises(NotFoundError):
            await attempt()
    await stream.create("train")  # and none of it is in the way of a new beginning
    assert await (await stream.open_reader("train")).manifests() == []
    await stream.open_writer("train", 1)


async def test_workloads_do_not_mix(stream: Stream) -> None:
    await stream.create("other")
    ours = await stream.open_writer("train", 3)
    theirs = await stream.open_writer("other", 1)
    ref = await ours.put(chunk_id(b"x"), b"x")
    await theirs.commit(b"theirs")
    assert await (await stream.open_reader("train")).manifests() == []
    with pytest.raises(NotFoundError):
        await read(await stream.open_reader("other"), [ref])


async def test_a_higher_epoch_fences_the_lower_one(stream: Stream, connect: Connect) -> None:
    old = await stream.open_writer("train", 1)
    await old.commit(b"first")
    new = await (await connect()).open_writer("train", 2)
    with pytest.raises(FencedError):
        await old.commit(b"too late")
    with pytest.raises(FencedError):
        await old.commit(b"too late")
    await new.commit(b"second")
    reader = await stream.open_reader("train")
    assert [await reader.manifest(ref.sequence) for ref in await reader.manifests()] == [b"first", b"second"]


@pytest.mark.parametrize("epoch", [1, 2])
async def test_an_epoch_that_is_not_higher_cannot_be_opened(stream: Stream, connect: Connect, epoch: int) -> None:
    await stream.open_writer("train", 2)
    with pytest.raises(FencedError):
        await (await connect()).open_writer("train", epoch)


async def test_of_many_openers_of_one_epoch_one_wins(stream: Stream, connect: Connect) -> None:
    async def open_one(connection: Stream) -> bool:
        try:
            await connection.open_writer("train", 7)
        except FencedError:
            return False
        return True

    opened = await asyncio.gather(*[open_one(await connect()) for _ in range(6)])
    assert sum(opened) == 1


async def test_writers_racing_commit_only_until_they_are_fenced(stream: Stream, connect: Connect) -> None:
    """Each epoch's writer commits as fast as it can while the next one opens: the order of epochs never goes back."""

    async def write_until_fenced(connection: Stream, epoch: int) -> None:
        try:
            writer = await connection.open_writer("train", epoch)
            for number in range(20):
                await writer.commit(f"{epoch}.{number}".encode())
        except FencedError:
            return

    async with asyncio.TaskGroup() as group:
        for epoch in range(1, 5):
            group.create_task(write_until_fenced(await connect(), epoch))
            await (await stream.open_reader("train")).manifests()
    refs = await (await stream.open_reader("train")).manifests()
    epochs = [ref.epoch for ref in refs]
    assert epochs == sorted(epochs)
    assert epochs[-1] == 4


async def test_sequences_grow_over_epochs(stream: Stream, connect: Connect) -> None:
    first = await stream.open_writer("train", 1)
    sequences = [await first.commit(b"a"), await first.commit(b"b")]
    second = await (await connect()).open_writer("train", 5)
    sequences += [await second.commit(b"c"), await second.commit(b"d")]
    assert sequences == sorted(set(sequences))
    reader = await stream.open_reader("train")
    assert [ref.sequence for ref in await reader.manifests()] == sequences


async def test_payloads_at_the_limit_pass_and_over_it_are_refused(stream: Stream) -> None:
    writer = await stream.open_writer("train", 1)
    full = body(1, MAX_PAYLOAD_BYTES)
    ref = await writer.put(chunk_id(full), full)
    assert ref.stored_bytes == MAX_PAYLOAD_BYTES
    assert await read(await stream.open_reader("train"), [ref]) == {ref.id: full}
    with pytest.raises(InvalidInputError):
        await writer.put(chunk_id(b"over"), full + b"!")


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, MAX_PAYLOAD_BYTES, 3_500_001])
async def test_a_manifest_may_have_any_size(stream: Stream, size: int) -> None:
    writer = await stream.open_writer("train", 1)
    manifest = body(9, size)
    sequence = await writer.commit(manifest)
    reader = await stream.open_reader("train")
    assert await reader.manifest(sequence) == manifest
    assert [ref.sequence for ref in await reader.manifests()] == [sequence]


async def test_many_puts_at_once(stream: Stream) -> None:
    writer = await stream.open_writer("train", 1)
    bodies = [body(n, 20_000) for n in range(200)]
    refs = await asyncio.gather(*(writer.put(chunk_id(data), data) for data in bodies))
    found = await read(await stream.open_reader("train"), list(refs))
    assert found == {chunk_id(data): data for data in bodies}


async def test_a_chunk_put_twice_is_read_once(stream: Stream) -> None:
    writer = await stream.open_writer("train", 1)
    first = await writer.put(chunk_id(b"same"), b"same")
    second = await writer.put(chunk_id(b"same"), b"same")
    reader = await stream.open_reader("train")
    assert await read(reader, [first]) == {first.id: b"same"}
    assert await read(reader, [second]) == {first.id: b"same"}


async def test_what_was_written_anew_or_discarded_leaves_the_rest_of_a_run(stream: Stream, connect: Connect) -> None:
    writer = await stream.open_writer("train", 1)
    refs = [await writer.put(chunk_id(body(n)), body(n)) for n in range(12)]
    await stream.discard("train", manifests=[], chunks=[refs[2], refs[9]])
    left = {n: ref for n, ref in enumerate(refs) if n not in {2, 9}}
    newer = await (await connect()).open_writer("train", 2)
    anew = {n: await newer.put(refs[n].id, body(n)) for n in (0, 5, 11)}
    reader = await stream.open_reader("train")
    contents = {ref.id: body(n) for n, ref in left.items()}
    assert await read(reader, list(left.values())) == contents
    assert await read(reader, list((left | anew).values())) == contents
    with pytest.raises(NotFoundError, match=refs[9].id):
        await read(reader, refs[8:])


async def test_a_missing_chunk_is_named(stream: Stream) -> None:
    writer = await stream.open_writer("train", 1)
    there = await writer.put(chunk_id(b"there"), b"there")
    missing = ChunkRef(id=chunk_id(b"never put"), stored_bytes=9, location=there.location)
    with pytest.raises(NotFoundError, match=missing.id):
        await read(await stream.open_reader("train"), [there, missing])


async def test_a_missing_manifest_is_not_found(stream: Stream) -> None:
    reader = await stream.open_reader("train")
    assert await reader.manifests() == []
    with pytest.raises(NotFoundError):
        await reader.manifest(1)
    await (await stream.open_writer("train", 1)).commit(b"x")
    with pytest.raises(NotFoundError):
        await reader.manifest(99)


async def test_the_same_manifest_content_can_be_committed_again(stream: Stream) -> None:
    writer = await stream.open_writer("train", 1)
    first = await writer.commit(b"same")
    second = await writer.commit(b"same")
    assert second > first


async def test_discard_forgets_what_it_is_told_and_nothing_else(stream: Stream) -> None:
    writer = await stream.open_writer("train", 1)
    refs = [await writer.put(chunk_id(body(n)), body(n)) for n in range(4)]
    sequences = [await writer.commit(f"m{n}".encode()) for n in range(4)]
    await stream.discard("train", manifests=[sequences[0], sequences[2]], chunks=[refs[0], refs[3]])
    await stream.discard("train", manifests=[sequences[0]], chunks=[refs[0]])
    reader = await stream.open_reader("train")
    assert [ref.sequence for ref in await reader.manifests()] == [sequences[1], sequences[3]]
    assert set(await read(reader, refs[1:3])) == {refs[1].id, refs[2].id}
    for gone in (refs[0], refs[3]):
        with pytest.raises(NotFoundError):
            await read(reader, [gone])
    assert await writer.commit(b"after") > sequences[3]


async def test_discarding_an_old_copy_leaves_the_newer_one(stream: Stream) -> None:
    writer = await stream.open_writer("train", 1)
    old = await writer.put(chunk_id(b"again"), b"again")
    new = await writer.put(chunk_id(b"again"), b"again")
    await stream.discard("train", manifests=[], chunks=[old])
    assert await read(await stream.open_reader("train"), [new]) == {new.id: b"again"}


async def test_discarding_every_manifest_keeps_the_fence(stream: Stream, connect: Connect) -> None:
    writer = await stream.open_writer("train", 4)
    sequence = await writer.commit(b"only")
    await stream.discard("train", manifests=[sequence], chunks=[])
    with pytest.raises(FencedError):
        await (await connect()).open_writer("train", 4)
    assert await writer.commit(b"next") > sequence


async def test_reading_goes_on_while_others_write(stream: Stream, connect: Connect) -> None:
    writer = await stream.open_writer("train", 1)
    refs = [await writer.put(chunk_id(body(n, 50_000)), body(n, 50_000)) for n in range(40)]
    reader = await (await connect()).open_reader("train")
    seen = 0
    async for _chunk, _payload in reader.chunks(refs):
        seen += 1
        if seen % 10 == 0:
            await writer.put(chunk_id(body(seen)), body(seen))
    assert seen == 40


async def test_leaving_a_read_early_harms_nothing(stream: Stream) -> None:
    writer = await stream.open_writer("train", 1)
    refs = [await writer.put(chunk_id(body(n, 50_000)), body(n, 50_000)) for n in range(40)]
    reader = await stream.open_reader("train")
    chunks = reader.chunks(refs)
    await anext(chunks)
    await chunks.aclose()  # type: ignore[attr-defined]  # every back end's is an async generator
    assert len(await read(reader, refs)) == 40


async def test_trying_it_out_finds_all_good_and_leaves_nothing_behind(stream: Stream) -> None:
    findings = await try_out(stream, "check-probe")
    assert [(one.subject, one.verdict) for one in findings] == [
        (subject, Verdict.GOOD) for subject in ("create", "write and read", "fence", "free", "delete")
    ]
    with pytest.raises(NotFoundError):
        await stream.open_reader("check-probe")
