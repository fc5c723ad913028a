"""The embedded stream server: outlives its master, is restarted where it was, and keeps workloads apart."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from kyc.adapters.nats.address import Address
from kyc.adapters.nats.connection import Connection
from kyc.adapters.nats.host import HostOptions, NatsHost
from kyc.adapters.nats.settings import Keys
from kyc.adapters.nats.stream import NatsStream, address_of
from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import CredentialError, NotAllowedError, UnreachableError
from kyc.domain.finding import Verdict
from kyc.domain.snapshot import ChunkId, StreamAccess
from kyc.master.stream import NamedStream
from kyc.streams import check, connect

CHUNK = ChunkId("ab" * 32)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[NatsHost]:
    running = NatsHost(tmp_path / "nats", clock=SystemClock())
    await running.ensure()
    yield running
    await running.stop()


async def test_another_master_adopts_the_server_that_runs(host: NatsHost, tmp_path: Path) -> None:
    other = NatsHost(tmp_path / "nats", clock=SystemClock())
    assert await other.ensure() is False
    assert other.pid() == host.pid()
    (tmp_path / "nats" / "server.pid").unlink()
    assert await other.ensure() is False
    assert other.pid() == host.pid()


async def test_a_killed_server_comes_back_where_it_was_with_all_it_had(host: NatsHost) -> None:
    access = await host.access("train")
    master = await host.stream()
    await master.create("train")
    agent = NatsStream(address_of(access), timeout_s=2)
    writer = await agent.open_writer("train", 1)
    ref = await writer.put(CHUNK, b"payload")
    sequence = await writer.commit(b"manifest")
    pid = host.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(UnreachableError):
        await writer.put(CHUNK, b"payload")
    assert await host.ensure() is True
    assert (await host.access("train")).url == access.url
    assert host.pid() != pid
    reader = await agent.open_reader("train")
    assert await reader.manifest(sequence) == b"manifest"
    assert [payload async for _, payload in reader.chunks([ref])] == [b"payload"]
    assert await writer.commit(b"next") > sequence
    await agent.close()
    await master.close()


async def test_a_workload_can_neither_read_nor_write_nor_delete_another(host: NatsHost) -> None:
    master = await host.stream()
    for name in ("ours", "theirs"):
        await master.create(name)
    theirs = await master.open_writer("theirs", 1)
    ref = await theirs.put(CHUNK, b"secret")
    sequence = await theirs.commit(b"secret")
    agent = NatsStream(address_of(await host.access("ours")), timeout_s=5)
    writer = await agent.open_writer("ours", 1)
    await writer.put(CHUNK, b"fine")
    for call in (
        agent.open_reader("theirs"),
        agent.open_writer("theirs", 9),
        agent.delete("theirs"),
        agent.delete("ours"),
        agent.create("third"),
        agent.discard("theirs", manifests=[sequence], chunks=[ref]),
        agent.discard("ours", manifests=[], chunks=[ref]),
    ):
        with pytest.raises(NotAllowedError):
            await call
    assert await (await master.open_reader("theirs")).manifest(sequence) == b"secret"
    await agent.close()
    await master.close()


async def test_a_workload_cannot_listen_to_anothers_answers(host: NatsHost) -> None:
    address = address_of(await host.access("ours"))
    spy = Address(host=address.host, port=address.port, jwt=address.jwt, seed=address.seed, inbox="_KYC.theirs")
    connection = await Connection.open(spy, timeout_s=0.5)
    with pytest.raises((NotAllowedError, UnreachableError)):
        await connection.request("$JS.API.STREAM.INFO.KYC_L_ours")
    await connection.close()


async def test_an_expired_or_forged_credential_is_refused(host: NatsHost, tmp_path: Path) -> None:
    expired = NatsHost(tmp_path / "nats", clock=SystemClock(), options=HostOptions(access_lasts=timedelta(seconds=-5)))
    forger = NatsHost(tmp_path / "forger", clock=SystemClock())
    (tmp_path / "forger").mkdir()
    (tmp_path / "forger" / "port").write_text((tmp_path / "nats" / "port").read_text())
    for source in (expired, forger):
        stream = NatsStream(address_of(await source.access("train")), timeout_s=5)
        with pytest.raises(CredentialError):
            await stream.open_reader("train")
        await stream.close()


async def test_a_server_that_is_stopped_is_gone(tmp_path: Path) -> None:
    host = NatsHost(tmp_path / "nats", clock=SystemClock())
    assert await host.ensure() is True
    pid = host.pid()
    await host.stop()
    assert host.pid() is None
    assert not Path(f"/proc/{pid}").exists()
    await host.stop()


async def test_no_server_at_all_is_unreachable_in_bounded_time() -> None:
    stream = NatsStream(Address(host="127.0.0.1", port=1), timeout_s=2)
    with pytest.raises(UnreachableError):
        await stream.open_reader("train")
    await stream.close()


async def test_the_servers_secrets_are_private(host: NatsHost, tmp_path: Path) -> None:
    for name in ("keys.json", "server.conf"):
        assert (tmp_path / "nats" / name).stat().st_mode & 0o077 == 0


async def test_a_renewed_credential_takes_over_without_a_call_lost(host: NatsHost, tmp_path: Path) -> None:
    brief = NatsHost(tmp_path / "nats", clock=SystemClock(), options=HostOptions(access_lasts=timedelta(seconds=2)))
    master = await host.stream()
    await master.create("train")
    agent, forgotten = [NatsStream(address_of(await brief.access("train")), timeout_s=5) for _ in range(2)]
    writer, other = await agent.open_writer("train", 1), await forgotten.open_reader("train")
    payload = bytes(900_000)
    under_way = [asyncio.ensure_future(writer.put(ChunkId(f"{n:064x}"), payload)) for n in range(20)]
    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    agent.renew(await host.access("train"))
    refs = await asyncio.gather(*under_way)

    async def go_on() -> None:
        while True:
            await other.manifests()

    with pytest.raises(CredentialError):  # what was not renewed is hung up on
        await asyncio.wait_for(go_on(), 20)
    await writer.commit(b"manifest")
    reader = await agent.open_reader("train")
    assert len([chunk async for chunk, _ in reader.chunks(refs)]) == 20
    for stream in (agent, forgotten, master):
        await stream.close()


async def test_of_a_named_server_an_agent_gets_its_own_workload_only(host: NatsHost, tmp_path: Path) -> None:
    seed = Keys.kept_in(tmp_path / "nats" / "keys.json").account.seed
    named = NamedStream((await host.access("train")).url, seed)
    master = await named.stream()
    for workload in ("train", "other"):
        await master.create(workload)
    access = await named.access("train")
    assert seed not in access.token
    assert access.lasts_s
    agent = connect(access)
    writer = await agent.open_writer("train", 1)
    await writer.put(CHUNK, b"payload")
    sequence = await writer.commit(b"manifest")
    assert await (await agent.open_reader("train")).manifest(sequence) == b"manifest"
    for forbidden in (agent.open_reader("other"), agent.open_writer("other", 1), agent.delete("train")):
        with pytest.raises(NotAllowedError):
            await forbidden
    assert (await (await master.open_reader("train")).manifest(sequence)) == b"manifest"
    for stream in (agent, master):
        await stream.close()
    findings = {one.subject: one.verdict for one in await check(StreamAccess(url=named.url, workload="", token=seed))}
    assert findings["agents"] is Verdict.GOOD
    assert Verdict.BAD not in findings.values()


async def test_the_check_says_what_agents_would_hold(tmp_path: Path) -> None:
    findings = await check(StreamAccess(url=f"file://{tmp_path}", workload=""))
    [agents] = [one for one in findings if one.subject == "agents"]
    assert agents.verdict is Verdict.WARNING
    assert agents.next_step
