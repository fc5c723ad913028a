"""The API over a real socket: streams, agents' connections, uploads, the SDK, and the end."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kyc import AsyncClient
from kyc.adapters.sql.database import sqlite_url
from kyc.adapters.sql.store import SqlStore
from kyc.domain.errors import InvalidInputError, KycError, NotAllowedError
from kyc.domain.event import Event, EventKind, LogLines
from kyc.master import sse
from kyc.wire import agent as wire
from kyc.wire.api import EventRow
from kyc.wire.workload_file import parse_workload
from tests.integration.stand import JOB, STARTED, TOKEN, Stand, listening, make_stand


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


def event(n: int, subject: str = "train", kind: EventKind = EventKind.JOB_QUEUED) -> Event:
    return Event(kind=kind, subject=subject, at=STARTED, data={"n": n, "text": "two\nlines"})


async def tell(stand: Stand, *events: Event) -> None:
    await stand.store.save(events=events)
    stand.services.signal.notify()


async def following(client: httpx.AsyncClient, path: str, **headers: str) -> AsyncIterator[tuple[int, str, EventRow]]:
    """Yield (id, event, row) of a stream, parsed by the letter of the specification."""
    async with client.stream("GET", path, headers=headers, timeout=10) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(":")
            if line and name:
                fields[name] = value.removeprefix(" ")
            elif "data" in fields:
                yield int(fields["id"]), fields["event"], msgspec.json.decode(fields["data"], type=EventRow)
                fields = {}


async def take(rows: AsyncIterator, count: int) -> list:
    async with asyncio.timeout(10):
        return [await anext(rows) for _ in range(count)]


class TestStreams:
    async def test_past_then_live_then_resumed_where_it_broke(self, stand: Stand) -> None:
        await stand.store.save(events=[event(n) for n in range(1, sse.PAGE + 3)])
        last = sse.PAGE + 2
        async with listening(stand) as url, httpx.AsyncClient(base_url=url, headers=stand.headers) as client:
            rows = following(client, "/api/v1/events/stream")
            past = await take(rows, last)
            assert [seq for seq, _, _ in past] == list(range(1, last + 1))
            waiting = asyncio.create_task(take(rows, 2))
            await tell(stand, event(1, kind=EventKind.JOB_STARTED))
            await tell(stand, event(2))
            live = await waiting
            assert [(seq, kind) for seq, kind, _ in live] == [(last + 1, "job.started"), (last + 2, "job.queued")]
            assert live[0][2].data == {"n": 1, "text": "two\nlines"}
            await rows.aclose()
            await tell(stand, event(3), event(4))
            resumed = following(client, "/api/v1/events/stream?after=0", **{"Last-Event-ID": str(last + 2)})
            assert [seq for seq, _, _ in await take(resumed, 2)] == [last + 3, last + 4]
            await resumed.aclose()
            by_query = following(client, f"/api/v1/events/stream?after={last + 3}&kind=job.queued&subject=train")
            assert [seq for seq, _, _ in await take(by_query, 1)] == [last + 4]
            await by_query.aclose()

    async def test_many_listeners_cost_one_read(self, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
        reads: list[int] = []
        events_after = type(stand.store).events_after

        async def counted(store: SqlStore, seq: int, **more: Any) -> list[Event]:
            reads.append(seq)
            return await events_after(store, seq, **more)

        monkeypatch.setattr(type(stand.store), "events_after", counted)
        only = "?kind=job.started"
        async with listening(stand) as url, httpx.AsyncClient(base_url=url, headers=stand.headers) as client:
            rows = [following(client, f"/api/v1/events/stream{only if n % 2 else ''}") for n in range(20)]
            waiting = [asyncio.create_task(take(of_one, 1)) for of_one in rows]
            await tell(stand, event(1, kind=EventKind.JOB_STARTED))
            await asyncio.gather(*waiting)
            for n in range(2, 12):
                before = len(reads)
                waiting = [asyncio.create_task(take(of_one, 1)) for of_one in rows]
                await tell(stand, event(n, kind=EventKind.JOB_STARTED))
                heard = await asyncio.gather(*waiting)
                assert [[row.data["n"] for _, _, row in of_one] for of_one in heard] == [[n]] * 20
                assert len(reads) - before <= 3  # and not one for each of them; a second may pass at any time
            for of_one in rows:
                await of_one.aclose()

    async def test_a_quiet_stream_still_shows_life(self, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sse, "HEARTBEAT_S", 0.05)
        async with listening(stand) as url, httpx.AsyncClient(base_url=url, headers=stand.headers) as client:
            async with client.stream("GET", "/api/v1/events/stream") as response, asyncio.timeout(10):
                lines = response.aiter_lines()
                seen = [await anext(lines) for _ in range(6)]
            assert seen == ["retry: 1000", "", ": alive", "", ": alive", ""]

    async def test_a_job_s_output_as_it_comes(self, stand: Stand) -> None:
        async with listening(stand) as url, httpx.AsyncClient(base_url=url, headers=stand.headers) as client:
            await client.post("/api/v1/jobs", json={"file": JOB})
            await stand.store.save(logs=[LogLines(workload="train", attempt="train.1", at=STARTED, text="a\nb\n")])
            async with client.stream("GET", "/api/v1/workloads/train/logs/stream") as response, asyncio.timeout(10):
                lines = response.aiter_lines()
                seen = [await anext(lines) for _ in range(5)]
            assert seen[2:4] == ["id: 1", "event: log"]
            assert '"text":"a\\nb\\n"' in seen[4]

    async def test_streams_end_with_the_master_and_do_not_hold_it_up(self, stand: Stand) -> None:
        start = time.monotonic()
        async with (
            listening(stand) as url,
            httpx.AsyncClient(base_url=url, headers=stand.headers) as client,
            client.stream("GET", "/api/v1/events/stream") as response,
        ):
            lines = response.aiter_lines()
            assert await anext(lines) == "retry: 1000"
            start = time.monotonic()
            assert (await client.post("/api/v1/shutdown", json={})).status_code == 202
            assert [line async for line in lines] == [""]
        assert time.monotonic() - start < 4

    async def test_streams_from_a_real_database_while_many_write(self, tmp_path: Path) -> None:
        store = await SqlStore.open(sqlite_url(tmp_path / "master.db"))
        stand = make_stand(tmp_path, store=store)
        async with listening(stand) as url, httpx.AsyncClient(base_url=url, headers=stand.headers) as client:
            streams = [following(client, "/api/v1/events/stream") for _ in range(3)]
            reading = [asyncio.create_task(take(rows, 60)) for rows in streams]
            await asyncio.gather(*(tell(stand, event(n), event(n)) for n in range(30)))
            for found in await asyncio.gather(*reading):
                assert [seq for seq, _, _ in found] == list(range(1, 61))
            for rows in streams:
                await rows.aclose()
        await store.close()


class TestAgents:
    async def enrolled(self, stand: Stand) -> str:
        deployment = await stand.services.intents.launch(None, 1)
        [instance_id] = deployment.instance_ids
        token = stand.context.secrets.derive(purpose=f"enrol {instance_id}")
        await stand.services.intents.enrol(instance_id, token, "my-secret")
        return instance_id

    async def test_a_link_carries_desires_facts_and_acknowledgements(self, stand: Stand) -> None:
        instance_id = await self.enrolled(stand)
        async with listening(stand) as url:
            address = f"ws{url.removeprefix('http')}/api/v1/agents/{instance_id}/link"
            async with (
                asyncio.timeout(10),
                connect(address, additional_headers={"Authorization": "Bearer my-secret"}, proxy=None) as link,
            ):
                first = wire.read_from_master(await link.recv())
                assert isinstance(first, wire.Desire)
                now = datetime.now(UTC)
                await link.send(wire.frame(wire.Pulse(at=now, cpu=0.5, memory=0.5, disk=0.5)))
                trouble = wire.Troubled(at=now, attempt=None, what="the disk is slow")
                await link.send(wire.frame(wire.Fact(number=1, fact=trouble)))
                assert wire.read_from_master(await link.recv()) == wire.Ack(upto=1)
            assert await stand.store.inbox_mark(instance_id) == 1
            assert stand.pulses.newest(instance_id).cpu == 0.5
            async with asyncio.timeout(10):
                while stand.pulses.is_connected(instance_id):
                    await asyncio.sleep(0.01)

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {TOKEN}"}])
    async def test_a_stranger_is_refused(self, stand: Stand, headers: dict[str, str]) -> None:
        instance_id = await self.enrolled(stand)
        async with listening(stand) as url:
            address = f"ws{url.removeprefix('http')}/api/v1/agents/{instance_id}/link"
            with pytest.raises(InvalidStatus) as refused:
                async with connect(address, additional_headers=headers, proxy=None):
                    pass
            assert refused.value.response.status_code == 403

    async def test_links_end_with_the_master(self, stand: Stand) -> None:
        instance_id = await self.enrolled(stand)
        async with listening(stand) as url:
            address = f"ws{url.removeprefix('http')}/api/v1/agents/{instance_id}/link"
            headers = {"Authorization": "Bearer my-secret"}
            async with connect(address, additional_headers=headers, proxy=None) as link:
                await link.recv()
                stand.services.closing.set()
                with pytest.raises(ConnectionClosed):
                    async with asyncio.timeout(10):
                        await link.recv()


class TestUploads:
    async def test_a_large_one_is_streamed_not_gathered(self, tmp_path: Path) -> None:
        stand = make_stand(tmp_path, limit_bytes=1 << 30)
        block, count = os.urandom(1 << 20), 64
        digest = hashlib.sha256()
        for _ in range(count):
            digest.update(block)

        async def blocks() -> AsyncIterator[bytes]:
            for _ in range(count):
                yield block

        async with listening(stand) as url, httpx.AsyncClient(base_url=url, headers=stand.headers) as client:
            path = f"/api/v1/archives/{digest.hexdigest()}"
            before = peak_mib()
            assert (await client.put(path, content=blocks(), timeout=60)).status_code == 201
            assert peak_mib() - before < 32
        assert stand.services.archives.path(digest.hexdigest()).stat().st_size == count << 20

    async def test_one_that_is_cut_off_leaves_nothing(self, stand: Stand, tmp_path: Path) -> None:
        async with listening(stand) as url:
            parts = urlsplit(url)
            with socket.create_connection((parts.hostname, parts.port)) as raw:
                head = f"PUT /api/v1/archives/{'0' * 64} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
                raw.sendall(f"{head}Content-Length: 500000\r\n\r\n".encode() + b"x" * 1000)
                async with asyncio.timeout(10):
                    while not list((tmp_path / "archives").iterdir()):
                        await asyncio.sleep(0.01)
            async with asyncio.timeout(10):
                while list((tmp_path / "archives").iterdir()):
                    await asyncio.sleep(0.01)


class TestTheSdk:
    async def test_it_reads_all_that_the_master_says(self, stand: Stand, tmp_path: Path) -> None:
        folder = tmp_path / "work"
        folder.mkdir()
        (folder / "train.py").write_text("print('hello')\n")
        (folder / "job.yaml").write_text(JOB + "workdir: .\n")
        async with listening(stand) as url, AsyncClient(url, TOKEN) as client:
            plan = await client.run_job(folder / "job.yaml")
            assert plan.name == "train"
            assert [row.name for row in await client.workloads()] == ["train"]
            assert (await client.workload("train")).row.state == "queued"
            assert len(await client.offers()) == 4
            made = await client.launch(count=2)
            assert [row.id for row in await client.instances()] == made.instances
            assert (await client.cost()).total.spent_usd == 0
            assert [row.sequence for row in await client.snapshots("train")] == [2, 1]
            assert (await client.health()).master_id == "m1"

    async def test_it_raises_what_the_master_raised(self, stand: Stand) -> None:
        async with listening(stand) as url:
            async with AsyncClient(url, "wrong") as client:
                with pytest.raises(NotAllowedError, match="token") as refused:
                    await client.workloads()
                assert refused.value.next_step
            async with AsyncClient(url, TOKEN) as client:
                with pytest.raises(InvalidInputError, match="101 instances"):
                    await client.launch(count=101)

    async def test_a_download_that_breaks_off_is_not_taken_for_whole(self, stand: Stand, tmp_path: Path) -> None:
        await stand.services.intents.submit_job(parse_workload(JOB).spec)
        async with listening(stand) as url, AsyncClient(url, TOKEN) as client:
            with pytest.raises(KycError):
                await client.restore("train", tmp_path / "out", sequence=2)


def peak_mib() -> float:
    """Return the most memory this process ever held, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
