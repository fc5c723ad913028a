"""What can go wrong with a Kafka broker, on a real one: it is killed, frozen, emptied, refuses, and has two writers."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from random import Random
from subprocess import PIPE

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from kyc.adapters.kafka.ledger import Ledger
from kyc.adapters.kafka.open import check, open_stream
from kyc.domain.errors import CredentialError, FencedError, InvalidInputError, KycError, NotFoundError, UnreachableError
from kyc.domain.finding import Verdict
from kyc.domain.snapshot import ChunkId, ChunkRef, StreamAccess
from kyc.ports.stream import MAX_PAYLOAD_BYTES, Stream, StreamReader
from tests.kafka.broker import Broker
from tests.kafka.shared import fresh_prefix, shared_broker
from tests.needs import need

WRITER = """
import asyncio, sys
from kyc.adapters.kafka.open import open_stream
from kyc.domain.errors import FencedError
from kyc.domain.snapshot import StreamAccess

async def main():
    stream = open_stream(StreamAccess(url=sys.argv[1], workload="train"))
    writer = await stream.open_writer("train", 1)
    number = 0
    try:
        while True:
            print(await writer.commit(b"1.%d" % number), flush=True)
            number += 1
    except FencedError:
        print("fenced", flush=True)
    await writer.close()
    await stream.close()

asyncio.run(main())
"""


@pytest.fixture
def broker() -> Broker:
    need("kafka")
    return shared_broker()


@pytest.fixture
def prefix() -> str:
    return fresh_prefix()


class Connect:
    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url = url
        self._stack = stack

    def __call__(self, *, token: str = "", **options: object) -> Stream:
        more = "".join(f"&{name}={value}" for name, value in options.items())
        stream = open_stream(StreamAccess(url=self.url + more, workload="", token=token))
        self._stack.push_async_callback(stream.close)
        return stream


@pytest.fixture
async def connect(broker: Broker, prefix: str) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:
        yield Connect(f"kafka://{broker.address}?prefix={prefix}", stack)


@pytest.fixture
async def stream(connect: Connect) -> Stream:
    stream = connect()
    await stream.create("train")
    return stream


def bodies(count: int, size: int, *, seed: int) -> dict[ChunkId, bytes]:
    rng = Random(seed)
    return {ChunkId(f"{n:064x}"): rng.randbytes(size) for n in range(count)}


async def read(reader: StreamReader, refs: list[ChunkRef]) -> dict[ChunkId, bytes]:
    return {chunk: payload async for chunk, payload in reader.chunks(refs)}


def settings(broker: Broker, topic: str, **values: str) -> None:
    """Change a topic's settings behind kyc's back."""
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for name, value in values.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.incremental_alter_configs([resource])[resource].result(20)


async def test_a_broker_killed_in_the_middle_of_a_flush_loses_nothing(
    broker: Broker, stream: Stream, connect: Connect
) -> None:
    """And a consumer that starts long after, over another connection, reads all of it."""
    data = bodies(120, 400_000, seed=1)
    writer = await stream.open_writer("train", 1)
    before = await writer.commit(b"before")
    puts = [asyncio.ensure_future(writer.put(chunk, payload)) for chunk, payload in data.items()]
    await asyncio.wait(puts, return_when=asyncio.FIRST_COMPLETED)
    broker.kill()
    await asyncio.to_thread(broker.start)
    refs = await asyncio.gather(*puts)
    sequence = await writer.commit(b"after")
    await writer.close()
    reader = await connect().open_reader("train")
    assert [ref.sequence for ref in await reader.manifests()] == [before, sequence]
    assert await read(reader, list(refs)) == data


async def test_writers_in_two_processes_never_both_commit(stream: Stream, connect: Connect) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, connect.url, stdout=PIPE)
    assert process.stdout is not None
    first = await asyncio.wait_for(process.stdout.readline(), 30)
    writer = await stream.open_writer("train", 2)
    ours = [await writer.commit(b"2.0"), await writer.commit(b"2.1")]
    rest = (await asyncio.wait_for(process.stdout.read(), 30)).decode().split()
    await process.wait()
    assert rest[-1] == "fenced"
    theirs = [int(line) for line in [first.decode(), *rest[:-1]]]
    refs = await (await stream.open_reader("train")).manifests()
    # What it was told is committed is there; one more may be, whose acknowledgement the fence cut off.
    assert [ref.sequence for ref in refs if ref.epoch == 1][: len(theirs)] == theirs
    assert [ref.sequence for ref in refs if ref.epoch == 2] == ours
    assert [ref.epoch for ref in refs] == sorted(ref.epoch for ref in refs)


async def test_a_refused_opener_does_not_stop_the_writer(stream: Stream, connect: Connect) -> None:
    writer = await stream.open_writer("train", 2)
    first = await writer.commit(b"one")
    for epoch in (1, 2):
        with pytest.raises(FencedError):
            await connect().open_writer("train", epoch)
    assert await writer.commit(b"two") > first


async def test_a_claim_without_an_epoch_costs_the_writer_nothing_but_time(stream: Stream) -> None:
    """Somebody took the transactional id and died before it wrote its epoch."""
    writer = await stream.open_writer("train", 1)
    first = await writer.commit(b"one")
    address, place = writer._cluster.address, writer._place  # type: ignore[attr-defined]
    ledger = Ledger(address, place)
    await asyncio.to_thread(ledger.claim)
    assert await writer.commit(b"two") > first
    ledger.release()


@pytest.mark.parametrize("happened", [True, False])
async def test_a_lost_acknowledgement_is_neither_doubled_nor_taken_for_fencing(
    stream: Stream, monkeypatch: pytest.MonkeyPatch, happened: bool
) -> None:
    writer = await stream.open_writer("train", 1)
    commit = Ledger.commit

    def lose(ledger: Ledger) -> None:
        if happened:
            commit(ledger)
        ledger.release()
        raise UnreachableError("cut off")

    monkeypatch.setattr(Ledger, "commit", lose)
    with pytest.raises(UnreachableError):
        await writer.commit(b"manifest" * 100_000)
    monkeypatch.undo()
    sequence = await writer.commit(b"manifest" * 100_000)
    reader = await stream.open_reader("train")
    assert [ref.sequence for ref in await reader.manifests()] == [sequence]
    assert await reader.manifest(sequence) == b"manifest" * 100_000
    assert await writer.commit(b"next") > sequence


async def test_an_epoch_whose_opening_was_not_acknowledged_can_be_opened_again(
    stream: Stream, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Ledger.commit

    def lose(ledger: Ledger) -> None:
        commit(ledger)
        ledger.release()
        raise UnreachableError("cut off")

    monkeypatch.setattr(Ledger, "commit", lose)
    with pytest.raises(UnreachableError):
        await stream.open_writer("train", 3)
    monkeypatch.undo()
    with pytest.raises(FencedError):
        await connect().open_writer("train", 3)
    assert await (await stream.open_writer("train", 3)).commit(b"ours") > 0


async def test_a_topic_deleted_under_a_writer_is_said_so(stream: Stream, connect: Connect) -> None:
    short = connect(timeout=4)
    writer = await short.open_writer("train", 1)
    ref = await writer.put(ChunkId("a"), b"a")
    reader = await short.open_reader("train")
    await stream.delete("train")
    for attempt in (writer.put(ChunkId("b"), b"b"), writer.commit(b"m"), reader.manifests(), read(reader, [ref])):
        with pytest.raises(NotFoundError) as caught:
            await attempt
        assert "deleted" in str(caught.value) + caught.value.next_step


async def test_a_topic_that_allows_less_than_a_chunk_is_said_so(broker: Broker, stream: Stream, prefix: str) -> None:
    settings(broker, f"{prefix}.train.chunks", max_message_bytes="100000")
    writer = await stream.open_writer("train", 1)
    with pytest.raises(InvalidInputError) as caught:
        await writer.put(ChunkId("a"), bytes(MAX_PAYLOAD_BYTES))
    assert "max.message.bytes" in caught.value.next_step


async def test_what_is_discarded_is_freed_and_the_rest_stays_where_it_was(
    broker: Broker, stream: Stream, prefix: str
) -> None:
    topic = f"{prefix}.train.chunks"
    settings(broker, topic, segment_bytes="1048576", min_compaction_lag_ms="0", min_cleanable_dirty_ratio="0.01")
    data = bodies(60, 200_000, seed=2)
    writer = await stream.open_writer("train", 1)
    refs = [await writer.put(chunk, payload) for chunk, payload in data.items()]
    sequence = await writer.commit(bytes(3_000_000))
    kept = refs[::6]
    await stream.discard("train", manifests=[sequence], chunks=[ref for ref in refs if ref not in kept])
    async with asyncio.timeout(40):
        while broker.log_bytes(topic) > 6_000_000:
            filler = await writer.put(ChunkId("filler"), bytes(400_000))  # a segment is compacted once it is closed
            await stream.discard("train", manifests=[], chunks=[filler])
            await asyncio.sleep(0.3)
    reader = await stream.open_reader("train")
    assert await read(reader, kept) == {ref.id: data[ref.id] for ref in kept}
    with pytest.raises(NotFoundError):
        await read(reader, refs)


async def test_a_frozen_broker_is_unreachable_in_bounded_time(broker: Broker, stream: Stream, connect: Connect) -> None:
    short = connect(timeout=2)
    writer = await short.open_writer("train", 1)
    reader = await short.open_reader("train")
    broker.freeze()
    try:
        for attempt in (writer.put(ChunkId("a"), b"a"), writer.commit(b"m"), reader.manifests()):
            started = time.monotonic()
            with pytest.raises(UnreachableError) as caught:
                await attempt
            assert caught.value.next_step
            assert time.monotonic() - started < 15
    finally:
        broker.thaw()
    assert await writer.commit(b"m") > 0


async def test_nobody_there_is_unreachable_in_bounded_time() -> None:
    need("kafka")
    stream = open_stream(StreamAccess(url="kafka://127.0.0.1:9?timeout=1", workload=""))
    try:
        for attempt in (stream.create("train"), stream.open_writer("train", 1), stream.open_reader("train")):
            with pytest.raises(UnreachableError):
                await asyncio.wait_for(attempt, 5)
    finally:
        await stream.close()
    findings = await check(StreamAccess(url="kafka://127.0.0.1:9?timeout=1", workload=""))
    assert [(finding.subject, finding.verdict) for finding in findings] == [("reach", Verdict.BAD)]


async def test_the_end_of_one_workload_does_not_disturb_another_on_the_same_connection(stream: Stream) -> None:
    await stream.create("other")
    reader = await stream.open_reader("other")
    for _ in range(3):
        await stream.create("brief")
        await (await stream.open_writer("brief", 1)).commit(b"m")
        await stream.delete("brief")
        await asyncio.sleep(0.5)  # for what librdkafka knows of it to grow old
        assert await reader.manifests() == []


async def test_reading_up_to_the_very_end_never_misses_the_last(stream: Stream) -> None:
    """The end of the topic is announced before, with or after its last record."""
    rng = Random(3)
    writer = await stream.open_writer("train", 1)
    reader = await stream.open_reader("train")
    refs: list[ChunkRef] = []
    for turn in range(25):
        sizes = [rng.randrange(1, 60_000) for _ in range(rng.randrange(1, 20))]
        refs += await asyncio.gather(
            *(writer.put(ChunkId(f"{turn}-{number}"), bytes(size)) for number, size in enumerate(sizes))
        )
        wanted = [*rng.sample(refs[:-1], min(len(refs) - 1, 10)), refs[-1]]
        assert set(await read(reader, wanted)) == {ref.id for ref in wanted}
    end = int(refs[-1].location.partition("/")[0])
    for location in ("0/9.9", f"{end + 1}/1.1", f"{end + 100_000}/1.1"):
        with pytest.raises(NotFoundError, match="gone"):
            await read(reader, [refs[0], refs[-1], ChunkRef(id=ChunkId("gone"), stored_bytes=1, location=location)])


@pytest.fixture
def guarded() -> Iterator[Broker]:
    """A broker that wants a password."""
    need("kafka")
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    broker = Broker(
        client_listener="SASL_PLAINTEXT",
        extra=(
            "sasl.enabled.mechanisms=PLAIN",
            "sasl.mechanism.inter.broker.protocol=PLAIN",
            f'listener.name.client.plain.sasl.jaas.config={login} username="kyc" password="right" user_kyc="right";',
        ),
    )
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


async def test_a_wrong_password_is_a_credential_error_and_the_right_one_passes_the_check(guarded: Broker) -> None:
    url = f"kafka://kyc@{guarded.address}?security.protocol=sasl_plaintext&sasl.mechanism=PLAIN&timeout=10"
    wrong = open_stream(StreamAccess(url=url, workload="", token="wrong"))
    try:
        for attempt in (wrong.create("train"), wrong.open_reader("train")):
            started = time.monotonic()
            with pytest.raises(KycError) as caught:
                await attempt
            assert isinstance(caught.value, CredentialError)
            assert "right" not in str(caught.value)
            assert time.monotonic() - started < 15
    finally:
        await wrong.close()
    findings = await check(StreamAccess(url=url, workload="", token="right"))
    assert {finding.subject: finding.verdict for finding in findings} == {
        "reach": Verdict.GOOD,
        "topics": Verdict.GOOD,
        "limits": Verdict.GOOD,
        "replicas": Verdict.WARNING,
        "remove": Verdict.GOOD,
    }


async def test_a_check_says_that_nobody_answers_and_why() -> None:
    (found,) = await check(StreamAccess(url="kafka://127.0.0.1:1?timeout=2", workload=""))
    assert (found.subject, found.verdict) == ("reach", Verdict.BAD)
    assert "Kafka does not answer" in found.text
    assert "refused" in found.text
    assert "look at the brokers" in found.next_step


async def test_more_copies_than_brokers_are_told_as_that(broker: Broker, prefix: str) -> None:
    url = f"kafka://{broker.address}?prefix={prefix}&replication=3"
    findings = await check(StreamAccess(url=url, workload=""))
    assert findings[-1].verdict is Verdict.BAD
    assert "replication=1" in findings[-1].next_step
