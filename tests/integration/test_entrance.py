"""The agent's entrances behind every edge, by the master's own authority: what passes, and who is kept out."""

from __future__ import annotations

import asyncio
import io
import random
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from kyc.adapters.ca.authority import Authority
from kyc.adapters.system.clock import SystemClock
from kyc.agent.entrance import Entrances
from kyc.domain.ids import InstanceId
from kyc.ports.edge import ENTRANCE_PORTS, Certificate
from kyc.wire.replica import Identity
from tests.edge.replica import Replica
from tests.edge.stage import EDGES, Stage, place, staged

INSTANCE = InstanceId("i-far")


@pytest.fixture(params=sorted(EDGES))
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(request.param, tmp_path / "edge") as running:
        yield running


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca", clock=SystemClock())


def entrances(folder: Path, authority: Authority) -> Entrances:
    made = Entrances(folder, "127.0.0.1", random.Random())
    made.trust(identity(authority))
    return made


def identity(authority: Authority, instance: InstanceId = INSTANCE) -> Identity:
    issued = authority.for_instance(instance)
    return Identity(chain=issued.chain, key=issued.key, authority=authority.certificate.read_text())


def client(authority: Authority, shown: Certificate | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate)
    context.check_hostname = False
    if shown is not None:
        context.load_cert_chain(shown.chain, shown.key)
    return context


async def ask(port: int, tls: ssl.SSLContext) -> tuple[bytes, int]:
    """Return the first line of an answer, and the number of the certificate that was shown."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        line = await reader.readline()
        return line, x509.load_der_x509_certificate(shown).serial_number
    finally:
        writer.close()


async def is_answered(port: int, tls: ssl.SSLContext) -> bool:
    """Whether there is an answer; else the connection is refused or ends without a word."""
    try:
        line, _ = await ask(port, tls)
    except (ssl.SSLError, ConnectionError):
        return False
    return line.startswith(b"HTTP/1.1 200")


async def test_an_edge_reaches_replicas_by_their_entrances_and_others_plainly(
    stage: Stage, authority: Authority, tmp_path: Path
) -> None:
    far, near = await stage.replica("far"), await stage.replica("near")
    async with entrances(tmp_path, authority).to(far.port) as port:
        assert port in ENTRANCE_PORTS
        there = place(Replica("far", port=port), on=INSTANCE)
        secured = {"upstream_tls": authority.for_edge(), "upstream_ca": authority.certificate}
        await stage.apply(there, **secured)
        assert await stage.who(4) == {"far": 4}
        body = random.Random(1).randbytes(3_000_000)
        async with stage.client.post(stage.url("/echo"), data=io.BytesIO(body)) as response:
            assert await response.read() == body
        async with stage.client.ws_connect(stage.url("/ws")) as socket:
            for word in ("one", "two"):
                await socket.send_str(word)
                assert await socket.receive_str() == f"far: {word}"

        here = place(near)
        await stage.apply(there, type(here)(endpoint=here.endpoint, plain=True), **secured)
        assert set(await stage.who(20)) == {"far", "near"}


async def test_only_the_edge_gets_in(authority: Authority, tmp_path: Path) -> None:
    strange = Authority(tmp_path / "other", clock=SystemClock())
    other = authority.for_instance(InstanceId("i-other"))
    (tmp_path / "other.pem").write_text(other.chain + other.key)
    instance = Certificate(chain=tmp_path / "other.pem", key=tmp_path / "other.pem")
    async with Replica.serving("r") as replica, entrances(tmp_path, authority).to(replica.port) as port:
        for shown in (None, strange.for_edge(), instance):
            assert not await is_answered(port, client(authority, shown))
        assert replica.hits == 0
        assert await is_answered(port, client(authority, authority.for_edge()))


async def test_a_renewed_certificate_is_shown_and_open_connections_stay(authority: Authority, tmp_path: Path) -> None:
    known = entrances(tmp_path, authority)
    tls = client(authority, authority.for_edge(lasts=timedelta(days=1)))
    async with Replica.serving("r") as replica, known.to(replica.port) as port:
        _, first = await ask(port, tls)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        known.trust(identity(authority))
        line, second = await ask(port, tls)
        assert (line[:12], first != second) == (b"HTTP/1.1 200", True)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_replica_that_takes_nothing_is_not_waited_for(authority: Authority, tmp_path: Path) -> None:
    async with Replica.serving("r") as replica:
        gone = replica.port
    async with entrances(tmp_path, authority).to(gone) as port:
        assert not await is_answered(port, client(authority, authority.for_edge()))


async def test_without_a_certificate_there_is_no_entrance(tmp_path: Path) -> None:
    known = Entrances(tmp_path, "127.0.0.1", random.Random())
    known.trust(None)
    async with known.to(4711) as port:
        assert port == 4711
