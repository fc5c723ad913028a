"""What ports.notices promises, on EC2's protocol: the local cloud's metadata service and broken ones.

The other two clouds' protocols are in test_notices_gcp_azure.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kyc.adapters.aws.notices import Ec2Notices
from kyc.adapters.local.httpd import Request, Response, serve
from kyc.adapters.local.metadata import Metadata
from kyc.adapters.local.record import Record
from kyc.adapters.system.clock import SystemClock
from kyc.adapters.system.metadata import MetadataHttp
from kyc.domain.errors import UnreachableError
from kyc.domain.interruption import NoticeKind

DEADLINE = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
RECORD = Record(
    provider_id="l-1",
    instance_id="i-1",
    deployment_id="d-1",
    zone="local-a",
    instance_type="small",
    spot=True,
    user_data="#!/bin/sh\n",
    requested_at=0.0,
    address="127.0.0.1",
)
ACTION = "/latest/meta-data/spot/instance-action"


class Service:
    """A metadata service whose record and clock can be changed, and whose tokens can be thrown away."""

    def __init__(self) -> None:
        self.record = RECORD
        self.now = 0.0
        self.requests: list[Request] = []
        self._answer = Metadata(lambda: self.record, lambda: self.now)

    def forget_tokens(self) -> None:
        self._answer = Metadata(lambda: self.record, lambda: self.now)

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return self._answer(request)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Response:
        """Ask without a network."""
        return self._answer(Request(method, path, {key.replace("_", "-"): value for key, value in headers.items()}))

    def token(self, ttl: str = "60", **headers: str) -> Response:
        return self.ask("/latest/api/token", "PUT", x_aws_ec2_metadata_token_ttl_seconds=ttl, **headers)


@asynccontextmanager
async def listening(handler: Callable[[Request], Response]) -> AsyncIterator[str]:
    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer, handler)

    async with raw(on_connection) as url:
        yield url


@asynccontextmanager
async def raw(
    on_connection: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
) -> AsyncIterator[str]:
    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)  # type: ignore[arg-type]
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.fixture
async def service() -> Service:
    return Service()


@pytest.fixture
async def notices(service: Service) -> AsyncIterator[Ec2Notices]:
    async with listening(service) as url:
        yield Ec2Notices(SystemClock(), MetadataHttp(url))


async def test_nothing_is_announced_at_first(notices: Ec2Notices) -> None:
    assert await notices.poll() is None


async def test_an_interruption_has_its_deadline_and_keeps_its_time(notices: Ec2Notices, service: Service) -> None:
    service.record = replace(RECORD, deadline_at=DEADLINE.timestamp())
    before = datetime.now(UTC)
    first, second = await notices.poll(), await notices.poll()
    assert first is not None
    assert (first.kind, first.deadline_at) == (NoticeKind.INTERRUPTION, DEADLINE)
    assert before <= first.noticed_at <= datetime.now(UTC)
    assert second == first


async def test_the_interruption_comes_before_the_hint(notices: Ec2Notices, service: Service) -> None:
    service.record = replace(RECORD, rebalance_at=(DEADLINE - timedelta(minutes=5)).timestamp())
    hint = await notices.poll()
    assert hint is not None
    assert (hint.kind, hint.noticed_at) == (NoticeKind.REBALANCE, DEADLINE - timedelta(minutes=5))
    service.record = replace(service.record, deadline_at=DEADLINE.timestamp())
    notice = await notices.poll()
    assert notice is not None
    assert notice.kind is NoticeKind.INTERRUPTION


async def test_one_token_serves_many_polls_and_is_renewed_when_refused(notices: Ec2Notices, service: Service) -> None:
    for _ in range(3):
        await notices.poll()
    assert sum(request.method == "PUT" for request in service.requests) == 1
    service.forget_tokens()
    assert await notices.poll() is None
    assert sum(request.method == "PUT" for request in service.requests) == 2


async def test_no_service_is_unreachable() -> None:
    async with listening(Service()) as url:
        gone = url
    with pytest.raises(UnreachableError) as raised:
        await Ec2Notices(SystemClock(), MetadataHttp(gone)).poll()
    assert raised.value.next_step


async def test_a_silent_service_is_given_up_within_two_seconds() -> None:
    held: list[asyncio.StreamWriter] = []

    async def on_connection(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    async with raw(on_connection) as url:
        begun = time.monotonic()
        with pytest.raises(UnreachableError):
            await Ec2Notices(SystemClock(), MetadataHttp(url)).poll()
        assert time.monotonic() - begun < 2.0
        for writer in held:
            writer.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"x" * 100_000,
    ],
)
async def test_an_answer_that_makes_no_sense_is_unreachable(answer: bytes) -> None:
    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with raw(on_connection) as url:
        with pytest.raises(UnreachableError):
            await Ec2Notices(SystemClock(), MetadataHttp(url)).poll()


@pytest.mark.parametrize("body", ["", "terminate", "[]", '{"action": "stop"}', '{"time": 5}', '{"time": "2026-05-01"}'])
async def test_an_action_that_makes_no_sense_is_unreachable(body: str) -> None:
    def answer(request: Request) -> Response:
        return Response(200, body if request.path == ACTION else "token")

    async with listening(answer) as url:
        with pytest.raises(UnreachableError):
            await Ec2Notices(SystemClock(), MetadataHttp(url)).poll()


# --- the emulator is faithful to EC2 ---


def test_without_a_valid_token_the_answer_is_401(service: Service) -> None:
    assert service.ask("/latest/meta-data/instance-id").status == 401
    assert service.ask("/latest/meta-data/instance-id", x_aws_ec2_metadata_token="made up").status == 401
    token = service.token("60").body
    assert service.ask("/latest/meta-data/instance-id", x_aws_ec2_metadata_token=token) == Response(200, "l-1")
    service.now = 61
    assert service.ask("/latest/meta-data/instance-id", x_aws_ec2_metadata_token=token).status == 401


def test_a_token_needs_a_life_and_no_proxy(service: Service) -> None:
    assert service.token("21600").status == 200
    assert [service.token(ttl).status for ttl in ("0", "21601", "-1", "x", "")] == [400] * 5
    assert service.token("60", x_forwarded_for="10.0.0.1").status == 403
    assert service.ask("/latest/api/token").status == 405


def test_what_is_not_announced_is_404_and_the_rest_is_there(service: Service) -> None:
    token = service.token().body

    def get(path: str) -> Response:
        return service.ask(path, x_aws_ec2_metadata_token=token)

    assert get(ACTION).status == 404
    assert get("/latest/meta-data/events/recommendations/rebalance").status == 404
    assert get("/latest/meta-data/nothing").status == 404
    assert get("/latest/meta-data/placement/availability-zone").body == "local-a"
    assert get("/latest/meta-data/local-ipv4").body == "127.0.0.1"
    assert get("/latest/user-data").body == "#!/bin/sh\n"
    assert "placement/" in get("/latest/meta-data/").body.splitlines()
    service.record = replace(RECORD, deadline_at=DEADLINE.timestamp())
    assert json.loads(get(ACTION).body) == {"action": "terminate", "time": "2026-05-01T12:00:30Z"}
