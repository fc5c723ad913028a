"""What ports.notices promises, on Compute Engine's and Azure's protocols: emulated services, and broken ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from kyc.adapters.azure.notices import AzureNotices
from kyc.adapters.gcp.notices import GceNotices
from kyc.adapters.system.clock import SystemClock
from kyc.adapters.system.metadata import MetadataHttp
from kyc.domain.errors import UnreachableError
from kyc.domain.interruption import NoticeKind
from kyc.ports.notices import NoticeSource
from tests.emulators.http import Request, Response, serving
from tests.emulators.metadata import AzureMetadata, GceMetadata

DEADLINE = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
SOURCES: dict[str, Callable[[str], NoticeSource]] = {
    "gcp": lambda url: GceNotices(SystemClock(), MetadataHttp(url)),
    "azure": lambda url: AzureNotices(SystemClock(), MetadataHttp(url)),
}
SERVICES: dict[str, type[GceMetadata] | type[AzureMetadata]] = {"gcp": GceMetadata, "azure": AzureMetadata}


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that answers each request with these bytes, and then hangs up."""

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


@pytest.fixture
async def gce() -> AsyncIterator[tuple[GceMetadata, NoticeSource]]:
    service = GceMetadata()
    async with serving(service) as url:
        yield service, SOURCES["gcp"](url)


@pytest.fixture
async def azure() -> AsyncIterator[tuple[AzureMetadata, NoticeSource]]:
    service = AzureMetadata()
    async with serving(service) as url:
        yield service, SOURCES["azure"](url)


# --- both ---


@pytest.fixture(params=sorted(SOURCES))
def cloud(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_nothing_is_announced_at_first(cloud: str) -> None:
    async with serving(SERVICES[cloud]()) as url:
        source = SOURCES[cloud](url)
        assert await source.poll() is None
        await source.acknowledge()


async def test_no_service_is_unreachable(cloud: str) -> None:
    async with serving(SERVICES[cloud]()) as url:
        gone = url
    with pytest.raises(UnreachableError) as raised:
        await SOURCES[cloud](gone).poll()
    assert raised.value.next_step


async def test_a_slow_service_is_given_up_within_two_seconds(cloud: str) -> None:
    async with serving(lambda _request: Response(200, "FALSE", wait_s=60)) as url:
        begun = time.monotonic()
        with pytest.raises(UnreachableError):
            await SOURCES[cloud](url).poll()
        assert time.monotonic() - begun < 2.0


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nTRUE",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nMAYBE",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000,
        b"x" * 100_000,
    ],
)
async def test_an_answer_that_makes_no_sense_is_unreachable(cloud: str, answer: bytes) -> None:
    async with answering(answer) as url:
        with pytest.raises(UnreachableError):
            await SOURCES[cloud](url).poll()


async def test_it_goes_on_after_a_failure(cloud: str) -> None:
    service, broken = SERVICES[cloud](), True

    def sometimes(request: Request) -> Response:
        return Response(500, "") if broken else service(request)

    async with serving(sometimes) as url:
        source = SOURCES[cloud](url)
        with pytest.raises(UnreachableError):
            await source.poll()
        broken = False
        assert await source.poll() is None


# --- Compute Engine ---


async def test_a_preempted_machine_is_interrupted_at_a_time_nobody_names(gce: tuple[GceMetadata, NoticeSource]) -> None:
    service, source = gce
    service.values["instance/preempted"] = "TRUE"
    before = datetime.now(UTC)
    first, second = await source.poll(), await source.poll()
    assert first is not None
    assert (first.kind, first.deadline_at) == (NoticeKind.INTERRUPTION, None)
    assert before <= first.noticed_at <= datetime.now(UTC)
    assert second == first


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"maintenance-event": "TERMINATE_ON_HOST_MAINTENANCE"}, NoticeKind.REBALANCE),
        ({"maintenance-event": "MIGRATE_ON_HOST_MAINTENANCE"}, None),
        ({"shutdown-details/stop-state": "PENDING_STOP"}, NoticeKind.INTERRUPTION),
        ({"maintenance-event": "TERMINATE_ON_HOST_MAINTENANCE", "preempted": "TRUE"}, NoticeKind.INTERRUPTION),
        ({"preempted": "TRUE", "maintenance-event": "NEWS"}, NoticeKind.INTERRUPTION),
    ],
)
async def test_what_compute_engine_says_is_understood(
    gce: tuple[GceMetadata, NoticeSource], values: dict[str, str], kind: NoticeKind | None
) -> None:
    service, source = gce
    service.values |= {f"instance/{name}": value for name, value in values.items()}
    notice = await source.poll()
    assert (notice and notice.kind) == kind


async def test_a_hint_turns_into_an_interruption(gce: tuple[GceMetadata, NoticeSource]) -> None:
    service, source = gce
    service.values["instance/maintenance-event"] = "TERMINATE_ON_HOST_MAINTENANCE"
    hint = await source.poll()
    service.values["instance/preempted"] = "TRUE"
    notice = await source.poll()
    assert hint is not None
    assert notice is not None
    assert (hint.kind, notice.kind) == (NoticeKind.REBALANCE, NoticeKind.INTERRUPTION)


async def test_the_maintenance_event_is_asked_for_each_time_since_only_that_brings_the_warning(
    gce: tuple[GceMetadata, NoticeSource],
) -> None:
    service, source = gce
    for _ in range(2):
        await source.poll()
    assert [request.path for request in service.requests].count("/computeMetadata/v1/instance/maintenance-event") == 2
    assert all(request.headers["metadata-flavor"] == "Google" for request in service.requests)


async def test_a_chunked_answer_is_read() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nTR\r\n2;x=y\r\nUE\r\n0\r\n\r\n"
    async with answering(answer) as url:
        notice = await SOURCES["gcp"](url).poll()
    assert notice is not None
    assert notice.kind is NoticeKind.INTERRUPTION


# --- Azure ---


async def test_a_preempt_event_has_its_deadline_and_keeps_it_once_started(
    azure: tuple[AzureMetadata, NoticeSource],
) -> None:
    service, source = azure
    service.schedule("Preempt", DEADLINE)
    first = await source.poll()
    service.events[0] |= {"EventStatus": "Started", "NotBefore": ""}
    service.incarnation += 1
    second = await source.poll()
    assert first is not None
    assert (first.kind, first.deadline_at) == (NoticeKind.INTERRUPTION, DEADLINE)
    assert second == first


async def test_an_event_first_seen_when_it_has_started_has_no_deadline(
    azure: tuple[AzureMetadata, NoticeSource],
) -> None:
    service, source = azure
    service.schedule("Preempt", DEADLINE, status="Started")
    notice = await source.poll()
    assert notice is not None
    assert (notice.kind, notice.deadline_at) == (NoticeKind.INTERRUPTION, None)


async def test_the_events_of_others_are_not_ours(azure: tuple[AzureMetadata, NoticeSource]) -> None:
    service, source = azure
    service.schedule("Preempt", DEADLINE, "kyc-i-2", "kyc-i-10")
    assert await source.poll() is None
    await source.acknowledge()
    assert service.started == []


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("Terminate", NoticeKind.INTERRUPTION),
        ("Redeploy", NoticeKind.REBALANCE),
        ("Reboot", NoticeKind.REBALANCE),
        ("Freeze", None),
        ("SomethingNew", None),
    ],
)
async def test_each_kind_of_event_means_something(
    azure: tuple[AzureMetadata, NoticeSource], kind: str, told: NoticeKind | None
) -> None:
    service, source = azure
    service.schedule(kind, DEADLINE)
    notice = await source.poll()
    assert (notice and notice.kind) == told
    if told is NoticeKind.REBALANCE:
        assert notice is not None
        assert notice.deadline_at is None
        await source.acknowledge()
        assert service.started == []


async def test_the_interruption_comes_before_the_hint_and_a_withdrawn_event_is_forgotten(
    azure: tuple[AzureMetadata, NoticeSource],
) -> None:
    service, source = azure
    service.schedule("Reboot", DEADLINE + timedelta(minutes=9), event_id="E-0")
    service.schedule("Preempt", DEADLINE, event_id="E-1")
    notice = await source.poll()
    assert notice is not None
    assert notice.kind is NoticeKind.INTERRUPTION
    service.events.clear()
    service.incarnation += 1
    assert await source.poll() is None


async def test_an_event_of_this_machine_alone_is_acknowledged_and_may_be_twice(
    azure: tuple[AzureMetadata, NoticeSource],
) -> None:
    service, source = azure
    service.schedule("Preempt", DEADLINE)
    for _ in range(2):
        await source.acknowledge()
    assert service.started == ["E-1"]


async def test_an_event_that_concerns_others_too_is_not_acknowledged(
    azure: tuple[AzureMetadata, NoticeSource],
) -> None:
    service, source = azure
    service.schedule("Preempt", DEADLINE, service.name, "kyc-i-2")
    notice = await source.poll()
    assert notice is not None
    await source.acknowledge()
    assert service.started == []


async def test_the_first_call_enables_the_service_and_the_next_ones_are_answered() -> None:
    service = AzureMetadata(enable_s=60)
    async with serving(service) as url:
        source = SOURCES["azure"](url)
        with pytest.raises(UnreachableError, match="no answer") as raised:
            await source.poll()
        assert "two minutes" in raised.value.next_step
        assert await source.poll() is None


async def test_the_machine_is_asked_for_its_name_once(azure: tuple[AzureMetadata, NoticeSource]) -> None:
    service, source = azure
    service.schedule("Preempt", DEADLINE)
    for _ in range(3):
        await source.poll()
    assert sum(request.path.endswith("/compute/name") for request in service.requests) == 1


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"DocumentIncarnation": "x", "Events": []},
        {"DocumentIncarnation": 1},
        {"DocumentIncarnation": 1, "Events": [{"EventId": "E-1"}]},
        {"DocumentIncarnation": 1, "Events": ["Preempt"]},
    ],
)
async def test_a_document_that_makes_no_sense_is_unreachable(document: object) -> None:
    async with serving(lambda _request: Response(200, document)) as url:
        with pytest.raises(UnreachableError):
            await SOURCES["azure"](url).poll()


async def test_a_time_that_makes_no_sense_is_unreachable(azure: tuple[AzureMetadata, NoticeSource]) -> None:
    service, source = azure
    service.schedule("Preempt", DEADLINE)
    service.events[0]["NotBefore"] = "soon"
    with pytest.raises(UnreachableError, match="soon"):
        await source.poll()


# --- the emulators are faithful ---


async def test_the_emulators_refuse_what_the_services_refuse() -> None:
    gce, azure = GceMetadata(), AzureMetadata()
    key = "/computeMetadata/v1/instance/preempted"
    flavour = {"metadata-flavor": "Google"}
    assert gce(Request("GET", key)).status == 403
    assert gce(Request("GET", key, {}, {**flavour, "x-forwarded-for": "10.0.0.1"})).status == 403
    assert gce(Request("GET", key, {}, flavour)).headers["Metadata-Flavor"] == "Google"
    assert gce(Request("GET", "/computeMetadata/v1/instance/none", {}, flavour)).status == 404
    assert "maintenance-event" in gce(Request("GET", "/computeMetadata/v1/instance/", {}, flavour)).body.split()
    events, version, header = "/metadata/scheduledevents", {"api-version": "2020-07-01"}, {"metadata": "true"}
    assert azure(Request("GET", events, version)).status == 400
    assert azure(Request("GET", events, {}, header)).status == 400
    assert azure(Request("POST", events, version, header, b"{}")).status == 400
    assert azure(Request("GET", events, version, header)).body == {"DocumentIncarnation": 1, "Events": []}
