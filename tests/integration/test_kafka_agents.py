"""Agents with users of their own on a Kafka with TLS, SCRAM and an authorizer: what they may, and what is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import CredentialError
from kyc.domain.finding import Finding, Verdict
from kyc.domain.snapshot import ChunkId, ChunkRef, StreamAccess
from kyc.ports.stream import Stream, StreamWriter
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import WorkloadFiles
from kyc.streams import check, connect, narrow
from tests.kafka.guarded import GuardedBroker, admin, allow, settings
from tests.kafka.shared import fresh_prefix, shared_broker, shared_guarded_broker
from tests.needs import need

KEY = bytes(range(32))
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def broker() -> GuardedBroker:
    need("kafka")
    return shared_guarded_broker()


class Connect:
    """Opens streams that are closed at the end of the test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    def __call__(self, access: StreamAccess) -> Stream:
        stream = connect(access)
        self._stack.push_async_callback(stream.close)
        return stream


@pytest.fixture
async def connected() -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:
        yield Connect(stack)


@pytest.fixture
async def master(broker: GuardedBroker, connected: Connect) -> AsyncIterator[Stream]:
    """The master's stream, with places for train and other, and a snapshot of other's."""
    stream = connected(broker.access())
    for workload in ("train", "other"):
        await stream.create(workload)
    writer = await stream.open_writer("other", 1)
    await writer.put(ChunkId("b" * 64), b"others'")
    await writer.commit(b"others'")
    yield stream
    for workload in ("train", "other"):
        await stream.delete(workload)


def senders_of() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "kyc-kafka-sender"]


def name_of(access: StreamAccess) -> str:
    return access.token.partition(":")[0]


def rules_of(broker: GuardedBroker, access: StreamAccess) -> set[str]:
    """Return the names of all that the access's user has a right to."""
    user = f"User:{name_of(access)}"
    every = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, user, None, AclOperation.ANY, AclPermissionType.ANY
    )
    return {rule.name for rule in admin_of(broker.access("root"), lambda root: root.describe_acls(every).result(30))}


async def test_an_agent_keeps_its_workload_and_brings_it_back(
    broker: GuardedBroker, master: Stream, connected: Connect, tmp_path: Path
) -> None:
    access = await narrow(broker.access(), "train", now=NOW)
    assert access.lasts_s == 7 * DAY.total_seconds()
    assert name_of(access).startswith("kyc.train.")
    assert "kyc@" not in access.url
    source = tmp_path / "source"
    source.mkdir()
    (source / "data").write_bytes(bytes(range(256)) * 10_000)
    for number in range(500):  # so that the manifest lies in parts among the chunks
        (source / f"{number}").write_text(f"{number}")
    writer = await connected(access).open_writer("train", 1)
    replicator = Replicator(WorkloadFiles(name="train", root=source, key=KEY), writer, clock=SystemClock())
    await replicator.flush()
    replicator.close()
    await writer.close()
    later = connected(await narrow(broker.access(), "train", now=NOW))
    copy = WorkloadFiles(name="train", root=tmp_path / "copy", key=KEY)
    restorer = Restorer(copy, await later.open_reader("train"), clock=SystemClock())
    await restorer.restore()
    restorer.close()
    assert {path.name: path.read_bytes() for path in copy.root.iterdir()} == {
        path.name: path.read_bytes() for path in source.iterdir()
    }


async def test_the_broker_refuses_an_agent_what_is_not_its_own(
    broker: GuardedBroker, master: Stream, connected: Connect
) -> None:
    access = await narrow(broker.access(), "train", now=NOW)
    agent = connected(access)
    for forbidden in (
        agent.open_reader("other"),
        agent.open_writer("other", 9),
        agent.discard("other", manifests=[1], chunks=[]),
        agent.delete("other"),
        agent.create("more"),
    ):
        with pytest.raises(CredentialError, match="TOPIC_AUTHORIZATION_FAILED"):
            await forbidden
    refused = {what: await asyncio.to_thread(why_refused, call, access) for what, call in FORBIDDEN.items()}
    assert refused == {what: f"{what.partition(' ')[0]}_AUTHORIZATION_FAILED" for what in FORBIDDEN}
    reader = await master.open_reader("other")
    assert [await reader.manifest(one.sequence) for one in await reader.manifests()] == [b"others'"]


async def test_an_agent_cannot_list_secrets_or_what_others_have(broker: GuardedBroker, master: Stream) -> None:
    access = await narrow(broker.access(), "train", now=NOW)
    seen = await asyncio.to_thread(lambda: admin_of(access, lambda client: client.list_topics(timeout=10)))
    assert set(seen.topics) == {OWN, "kyc.train.manifests"}
    said = await asyncio.to_thread(
        broker.tool, access, "kafka.admin.ConfigCommand", "--entity-type", "users", "--describe"
    )
    assert "ClusterAuthorizationException" in said
    assert "SCRAM-SHA-512" in await asyncio.to_thread(broker.users)  # whom the broker answers


async def test_renewals_under_a_running_writer_lose_nothing(
    broker: GuardedBroker, master: Stream, connected: Connect
) -> None:
    first = await narrow(broker.access(), "train", now=NOW)
    agent, senders = connected(first), senders_of()
    work = Work(await agent.open_writer("train", 1))
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work.run())
        await work.more(3)
        held = [first]
        for days in (4, 8, 12):
            held.append(await narrow(broker.access(), "train", now=NOW + days * DAY))
            await work.more(3)  # with what it has, while the next is there and the one before is gone
            agent.renew(held[-1])
            await work.more(3)
        working.cancel()
    users = await asyncio.to_thread(broker.users)
    assert [name_of(one) in users for one in held] == [False, False, True, True]
    reader = await connected(held[-1]).open_reader("train")
    committed = [await reader.manifest(one.sequence) for one in await reader.manifests()]
    assert committed[: len(work.committed)] == work.committed
    found = {chunk: payload async for chunk, payload in reader.chunks(work.stored)}
    assert found == {ref.id: payload_of(ref.id) for ref in work.stored}
    late = connected(first)
    with pytest.raises(CredentialError):
        await late.open_reader("train")
    await work.writer.close()
    await agent.close()
    await late.close()
    assert senders_of() == senders


async def test_a_deleted_place_leaves_no_user_and_no_rule(
    broker: GuardedBroker, master: Stream, connected: Connect
) -> None:
    mine = [await narrow(broker.access(), "train", now=NOW) for _ in range(2)]
    others = await narrow(broker.access(), "other", now=NOW)
    for access in mine:
        assert rules_of(broker, access) == {OWN, "kyc.train.manifests", "kyc.train", name_of(access)}
    await master.delete("train")
    users = await asyncio.to_thread(broker.users)
    assert name_of(others) in users
    for access in mine:
        assert not rules_of(broker, access)
        assert name_of(access) not in users
    with pytest.raises(CredentialError):
        await connected(mine[0]).open_reader("train")
    await connected(others).open_reader("other")


async def test_what_a_killed_master_left_half_made_goes_with_the_next_grant(
    broker: GuardedBroker, master: Stream
) -> None:
    left = StreamAccess(url="", workload="", token="kyc.train.1.ab:")
    mark = AclBinding(ResourceType.GROUP, name_of(left), LITERAL, *allow(name_of(left), AclOperation.DESCRIBE))
    await asyncio.to_thread(asked(lambda client: client.create_acls([mark])), broker.access("root"))
    assert rules_of(broker, left)
    await narrow(broker.access(), "train", now=NOW)
    assert not rules_of(broker, left)


async def test_the_check_says_that_agents_get_their_own_and_leaves_nothing(broker: GuardedBroker) -> None:
    findings = await check(broker.access())
    assert agents_of(findings).verdict is Verdict.GOOD
    assert not [one for one in findings if one.verdict is Verdict.BAD]
    assert "check-" not in await asyncio.to_thread(broker.users)


async def test_a_master_without_the_right_shares_its_user_and_the_check_says_why(broker: GuardedBroker) -> None:
    modest = broker.access("modest")
    shared = await narrow(modest, "train", now=NOW)
    assert (shared.url, shared.token, shared.lasts_s) == (modest.url, modest.token, None)
    found = agents_of(await check(modest))
    assert found.verdict is Verdict.WARNING
    assert "may not make users" in found.text
    assert "Alter" in found.next_step


async def test_without_scram_the_check_says_so() -> None:
    need("kafka")
    plain = StreamAccess(url=f"kafka://{shared_broker().address}?prefix={fresh_prefix()}", workload="")
    found = agents_of(await check(plain))
    assert found.verdict is Verdict.WARNING
    assert "without SCRAM" in found.text
    assert await narrow(plain, "train", now=NOW) == replace(plain, workload="train")


async def test_who_asks_for_their_own_gets_no_other(broker: GuardedBroker) -> None:
    strict = broker.access("modest", "&agents=own")
    with pytest.raises(CredentialError, match="may not make users"):
        await narrow(strict, "train", now=NOW)
    assert agents_of(await check(strict)).verdict is Verdict.BAD


async def test_who_wants_none_gets_none(broker: GuardedBroker) -> None:
    wished = broker.access("kyc", "&agents=shared")
    assert (await narrow(wished, "train", now=NOW)).token == wished.token
    assert "agents=shared" in agents_of(await check(wished)).next_step


async def test_where_users_without_rules_are_let_in_none_are_made(connected: Connect) -> None:
    need("kafka")
    with closing(GuardedBroker("allow.everyone.if.no.acl.found=true")) as lax:
        root = lax.access("root", "&prefix=open")  # where no rule is
        stream = connected(root)
        await stream.create("train")
        assert (await narrow(root, "train", now=NOW)).token == root.token
        found = agents_of(await check(root))
        assert found.verdict is Verdict.WARNING
        assert "allow.everyone.if.no.acl.found" in found.next_step
        assert "open." not in await asyncio.to_thread(lax.users)
        await stream.close()


def agents_of(findings: list[Finding]) -> Finding:
    [found] = [one for one in findings if one.subject == "agents"]
    return found


class Work:
    """Stores chunks and commits what it stored, again and again."""

    def __init__(self, writer: StreamWriter) -> None:
        self.writer = writer
        self.stored: list[ChunkRef] = []
        self.committed: list[bytes] = []
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        while True:
            number = len(self.committed)
            names = [ChunkId(f"{number:032x}{n:032x}") for n in range(20)]
            self.stored += await asyncio.gather(*(self.writer.put(name, payload_of(name)) for name in names))
            payload = b"snapshot %d" % number
            await self.writer.commit(payload)
            self.committed.append(payload)
            async with self._changed:
                self._changed.notify_all()

    async def more(self, commits: int) -> None:
        """Return once so many more commits have succeeded."""
        wanted = len(self.committed) + commits
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: len(self.committed) >= wanted)


def payload_of(chunk: ChunkId) -> bytes:
    return chunk.encode() * 1000


def why_refused(call: Callable[[StreamAccess], KafkaError | None], access: StreamAccess) -> str:
    """Return the name of the error that the broker answers the call with."""
    try:
        error = call(access)
    except KafkaException as failed:
        error = failed.args[0]
    return "allowed" if error is None else error.name()


def admin_of(access: StreamAccess, call: Callable[[AdminClient], Any]) -> Any:
    client = admin(access)
    return call(client)


def asked(call: Callable[[AdminClient], dict[Any, Future[Any]]]) -> Callable[[StreamAccess], None]:
    """Return a call of the administration's client that waits for all answers."""

    def ask(access: StreamAccess) -> None:
        client = admin(access)
        for future in call(client).values():
            future.result(30)

    return ask


def read(access: StreamAccess) -> KafkaError | None:
    """Ask where the topic is, as every read begins: the library says no more of a read that is refused."""
    return admin_of(access, lambda client: client.list_topics(OTHERS, 30)).topics[OTHERS].error


def write(access: StreamAccess) -> KafkaError | None:
    producer = Producer(settings(access))
    errors: list[KafkaError | None] = []
    producer.produce(OTHERS, b"forged", b"key", 0, on_delivery=lambda error, message: errors.append(error))
    producer.flush(30)
    return errors[0]


def claim(access: StreamAccess) -> None:
    Producer(settings(access) | {"transactional.id": "kyc.other"}).init_transactions(30)


LITERAL = ResourcePatternType.LITERAL
OWN, OTHERS = "kyc.train.chunks", "kyc.other.chunks"
MECHANISM = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
THEIRS = (ResourceType.TOPIC, OTHERS, LITERAL)
FORBIDDEN: dict[str, Callable[[StreamAccess], KafkaError | None]] = {
    "TOPIC read another's": read,
    "TOPIC write another's": write,
    "TOPIC delete another's": asked(lambda client: client.delete_topics([OTHERS])),
    "TOPIC delete its own": asked(lambda client: client.delete_topics([OWN])),
    "TOPIC empty its own": asked(lambda client: client.delete_records([TopicPartition(OWN, 0, 1)])),
    "TOPIC settings": asked(lambda client: client.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, OWN)])),
    "TRANSACTIONAL_ID claim another's log": claim,
    "CLUSTER give itself a right": asked(
        lambda client: client.create_acls([AclBinding(*THEIRS, *allow("anybody", AclOperation.READ))])
    ),
    "CLUSTER make a user": asked(
        lambda client: client.alter_user_scram_credentials(
            [UserScramCredentialUpsertion("anybody", MECHANISM, b"password")]
        )
    ),
}
