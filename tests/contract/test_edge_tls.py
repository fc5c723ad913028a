"""What ports.edge promises of TLS, HTTP/2 and gRPC, with real certificates and real clients."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import grpc
import httpx
import pytest
from cryptography import x509

from kyc.adapters.ca.authority import Authority
from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import InvalidInputError
from kyc.domain.ids import InstanceId
from kyc.domain.service import EndpointState
from kyc.ports.edge import Certificate, EdgeRefusedError
from tests.edge.replica import Replica
from tests.edge.stage import EDGES, NAME, Stage, place, staged, until

HTTP2 = sorted(set(EDGES) - {"python"})


@pytest.fixture(params=sorted(EDGES))
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(request.param, tmp_path / "edge") as running:
        yield running


@pytest.fixture(params=HTTP2)
async def modern(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(request.param, tmp_path / "edge") as running:
        yield running


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca", clock=SystemClock())


def shown(authority: Authority, folder: Path, instance: str) -> Certificate:
    """Write a certificate for the name; the same files each time."""
    issued = authority.for_instance(InstanceId(instance))
    certificate = Certificate(chain=folder / "shown.crt", key=folder / "shown.key")
    certificate.chain.write_text(issued.chain)
    certificate.key.write_text(issued.key)
    return certificate


def trusting(authority: Authority) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate)
    context.check_hostname = False
    return context


async def serial(stage: Stage, authority: Authority) -> int:
    """Return the number of the certificate that a new connection is shown."""
    _, writer = await asyncio.open_connection("127.0.0.1", stage.port, ssl=trusting(authority))
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(shown).serial_number


async def test_tls_with_certificates_from_files_that_are_rotated(
    stage: Stage, authority: Authority, tmp_path: Path
) -> None:
    replica = await stage.replica("r1")
    certificate = shown(authority, tmp_path, "first")
    await stage.apply(place(replica), certificate=certificate)
    first = await serial(stage, authority)
    async with stage.client.ws_connect(stage.url("/ws", scheme="https"), ssl=trusting(authority)) as ws:
        shown(authority, tmp_path, "second")
        await stage.apply(place(replica), certificate=certificate)

        async def is_rotated() -> bool:
            return await serial(stage, authority) != first

        await until(is_rotated)
        await ws.send_str("on")
        assert await ws.receive_str() == "r1: on"
    said = await stage.ask_tls(trusting(authority))
    assert said["headers"]["x-forwarded-proto"] == "https"


async def test_a_certificate_that_cannot_be_used_is_told_and_the_old_one_stays(
    stage: Stage, authority: Authority, tmp_path: Path
) -> None:
    replica = await stage.replica("r1")
    certificate = shown(authority, tmp_path, "first")
    other = Certificate(chain=certificate.chain, key=tmp_path / "other.key")
    other.key.write_text(authority.for_instance(InstanceId("other")).key)
    with pytest.raises(EdgeRefusedError, match=r"shown\.crt") as caught:
        await stage.apply(place(replica), certificate=other)
    assert list(caught.value.refused) == [NAME]
    await stage.apply(place(replica), certificate=certificate)
    assert await serial(stage, authority)


async def test_replicas_are_reached_by_mutual_tls(stage: Stage, authority: Authority, tmp_path: Path) -> None:
    mine, strange = Authority(tmp_path / "ca", clock=SystemClock()), Authority(tmp_path / "no", clock=SystemClock())
    good = await stage.replica("good", tls=serving(mine, "i-good", tmp_path))
    await stage.apply(place(good), upstream_tls=mine.for_edge(), upstream_ca=mine.certificate)
    assert await stage.who(3) == {"good": 3}

    impostor = await stage.replica("impostor", tls=serving(strange, "i-impostor", tmp_path))
    wanted = {"upstream_tls": mine.for_edge(), "upstream_ca": mine.certificate, "wait": timedelta(seconds=1)}
    await stage.apply(place(impostor), **wanted)
    assert (await stage.ask())["status"] == 503
    assert impostor.hits == 0

    async with aiohttp.ClientSession() as nobody:  # without a certificate of ours
        with pytest.raises(aiohttp.ClientError):
            await nobody.get(f"https://127.0.0.1:{good.port}/", ssl=trusting(mine))


def serving(authority: Authority, instance: str, folder: Path) -> ssl.SSLContext:
    """Return how an instance serves: with its own certificate, to the edge alone."""
    issued = authority.for_instance(InstanceId(instance))
    path = folder / f"{instance}.pem"
    path.write_text(issued.chain + issued.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(path)
    return context


async def test_clients_speak_http2(modern: Stage, authority: Authority, tmp_path: Path) -> None:
    await modern.apply(place(await modern.replica("r1")), certificate=shown(authority, tmp_path, "first"))
    async with httpx.AsyncClient(http2=True, verify=trusting(authority)) as client:
        answer = await client.post(modern.url("/echo", scheme="https"), content=b"x" * 300_000)
    assert (answer.http_version, len(answer.content)) == ("HTTP/2", 300_000)


class Echo:
    """A gRPC replica that says who it is before what it was told; streams it as often as asked."""

    def __init__(self, name: str) -> None:
        self._name = name.encode()

    async def _say(self, request: bytes, _: object) -> bytes:
        return self._name + b" " + request

    async def _count(self, request: bytes, _: object) -> AsyncIterator[bytes]:
        for number in range(int(request)):
            yield str(number).encode()

    async def _total(self, requests: AsyncIterator[bytes], _: object) -> bytes:
        return self._name + b" %d" % sum([int(each) async for each in requests])

    async def _chat(self, requests: AsyncIterator[bytes], _: object) -> AsyncIterator[bytes]:
        async for each in requests:
            yield self._name + b" " + each

    async def start(self) -> tuple[grpc.aio.Server, Replica]:
        """Serve on a free port."""
        methods = {
            "Say": grpc.unary_unary_rpc_method_handler(self._say),
            "Count": grpc.unary_stream_rpc_method_handler(self._count),
            "Total": grpc.stream_unary_rpc_method_handler(self._total),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
        }
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", methods),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, Replica(self._name.decode(), port=port)


@pytest.fixture
async def echoes() -> AsyncIterator[list[Replica]]:
    started = [await Echo(name).start() for name in ("g1", "g2")]
    yield [replica for _, replica in started]
    for server, _ in started:
        await server.stop(None)


async def test_grpc_calls_are_balanced_and_stream(modern: Stage, echoes: list[Replica]) -> None:
    await modern.apply(*(place(each) for each in echoes), upstream_http2=True)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{modern.port}") as channel:
        say, count = channel.unary_unary("/test.Echo/Say"), channel.unary_stream("/test.Echo/Count")
        answers = [await say(b"hello", timeout=30) for _ in range(10)]
        assert {answer: answers.count(answer) for answer in answers} == {b"g1 hello": 5, b"g2 hello": 5}
        assert [int(each) async for each in count(b"100", timeout=30)] == list(range(100))


async def test_grpc_clients_stream(modern: Stage, echoes: list[Replica]) -> None:
    await modern.apply(place(echoes[0]), upstream_http2=True)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{modern.port}") as channel:
        total = channel.stream_unary("/test.Echo/Total")(timeout=60)
        for number in range(100):
            await total.write(str(number).encode())
        await total.done_writing()
        assert await total == b"g1 4950"


async def test_grpc_speaks_both_ways_and_ends_where_it_began(modern: Stage, echoes: list[Replica]) -> None:
    old, new = (place(each) for each in echoes)
    await modern.apply(old, upstream_http2=True)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{modern.port}") as channel:
        chat = channel.stream_stream("/test.Echo/Chat")(timeout=60)
        await chat.write(b"1")
        assert await chat.read() == b"g1 1"  # before the client has said all
        await modern.apply(replace(old, state=EndpointState.DRAINING), new, upstream_http2=True)
        assert await channel.unary_unary("/test.Echo/Say")(b"hello", timeout=30) == b"g2 hello"
        await modern.apply(new, upstream_http2=True)
        await chat.write(b"2")
        assert await chat.read() == b"g1 2"
        await chat.done_writing()
        assert await chat.read() is grpc.aio.EOF
        assert await chat.code() is grpc.StatusCode.OK


async def test_grpc_streams_wait_for_a_first_replica(modern: Stage, echoes: list[Replica]) -> None:
    await modern.apply(upstream_http2=True)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{modern.port}") as channel:
        chat = channel.stream_stream("/test.Echo/Chat")(timeout=60)
        await chat.write(b"1")
        await until(lambda: _is_waiting(modern))
        await modern.apply(place(echoes[0]), upstream_http2=True)
        assert await chat.read() == b"g1 1"
        await chat.write(b"2")
        assert await chat.read() == b"g1 2"
        await chat.done_writing()
        assert await chat.read() is grpc.aio.EOF


async def test_grpc_calls_beyond_what_a_replica_takes_wait_their_turn(modern: Stage, echoes: list[Replica]) -> None:
    await modern.apply(place(echoes[0]), upstream_http2=True, most_in_flight=2)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{modern.port}") as channel:
        chats = [channel.stream_stream("/test.Echo/Chat")(timeout=60) for _ in range(2)]
        for chat in chats:
            await chat.write(b"1")
            assert await chat.read() == b"g1 1"
        call = channel.unary_unary("/test.Echo/Say")(b"hello", timeout=60)
        await until(lambda: _is_waiting(modern))
        await chats[0].done_writing()
        assert await call == b"g1 hello"


async def _is_waiting(stage: Stage) -> bool:
    return (await stage.edge.load())[NAME].waiting == 1


async def test_grpc_waits_for_a_first_replica(modern: Stage, echoes: list[Replica]) -> None:
    await modern.apply(upstream_http2=True)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{modern.port}") as channel:
        call = channel.unary_unary("/test.Echo/Say")(b"hello", timeout=60)
        await until(lambda: _is_waiting(modern))
        await modern.apply(place(echoes[0]), upstream_http2=True)
        assert await call == b"g1 hello"


async def test_what_an_edge_cannot_do_is_told(tmp_path: Path) -> None:
    async with staged("python", tmp_path / "edge") as stage:
        with pytest.raises(InvalidInputError, match=r"HTTP/1\.1 only") as told:
            await stage.apply(place(await stage.replica("r1")), upstream_http2=True)
        assert "haproxy" in told.value.next_step
        await stage.apply(place(await stage.replica("r2")), wait=timedelta(seconds=5))
        assert await stage.who(1) == {"r2": 1}
