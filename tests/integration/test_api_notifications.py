"""`/notifications` and `/notify`, route by route."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from kyc.domain.event import Event, EventKind
from kyc.wire.api import NewToken, NotificationPage, TargetRow, TopicRow
from tests.integration.stand import Stand, in_process, make_stand, read, told


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


@pytest.fixture
async def client(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(stand) as client:
        yield client


async def happens(stand: Stand, *kinds: EventKind) -> None:
    now = stand.context.clock.now()
    await stand.store.save(events=[Event(kind=kind, subject="train", at=now, reason="so it is") for kind in kinds])


async def test_the_list_its_tabs_and_what_is_unread(stand: Stand, client: httpx.AsyncClient) -> None:
    await happens(stand, EventKind.JOB_FAILED, EventKind.JOB_PROGRESS, EventKind.INSTANCE_LOST, EventKind.JOB_STOPPED)
    page = read(await client.get("/notifications"), NotificationPage)
    assert [row.title for row in page.rows] == ["train was stopped", "train is lost", "train failed"]
    assert (page.unread, page.unread_by_topic) == (3, {"work": 2, "interruption": 1})
    assert page.rows[0].text == "so it is"
    tab = read(await client.get("/notifications", params={"topic": "interruption"}), NotificationPage)
    assert [row.severity for row in tab.rows] == ["warning"]
    assert (await client.post("/notifications/read", json={"seq": page.rows[1].seq})).status_code == 204
    page = read(await client.get("/notifications"), NotificationPage)
    assert [row.read for row in page.rows] == [False, True, True]
    assert page.unread == 1
    told(await client.get("/notifications", params={"topic": "gossip"}), 422)


async def test_it_is_read_on_page_by_page(stand: Stand, client: httpx.AsyncClient) -> None:
    for _ in range(7):
        await happens(stand, EventKind.JOB_FAILED, EventKind.JOB_PROGRESS, EventKind.JOB_PROGRESS)
    found: list[int] = []
    before: int | None = None
    for _ in range(3):
        query = {"limit": 3} | ({} if before is None else {"before": before})
        page = read(await client.get("/notifications", params=query), NotificationPage)
        found += [row.seq for row in page.rows]
        before = page.before
    assert found == [19, 16, 13, 10, 7, 4, 1]
    assert before is None


async def test_viewers_read_and_mark_for_themselves_but_see_no_targets_changed(
    stand: Stand, client: httpx.AsyncClient
) -> None:
    await happens(stand, EventKind.JOB_FAILED)
    token = read(await client.post("/tokens", json={"name": "look"}), NewToken, 201).token
    async with in_process(stand, with_token=False) as viewer:
        viewer.headers["Authorization"] = f"Bearer {token}"
        assert (await viewer.post("/notifications/read", json={"seq": 99})).status_code == 204
        assert (await viewer.get("/notify/targets")).status_code == 200
        told(await viewer.post("/notify/targets", json={"address": "fake://x"}), 403)


async def test_targets(stand: Stand, client: httpx.AsyncClient) -> None:
    response = await client.post("/notify/targets", json={"address": "fake://secret", "topics": ["work"]})
    made = read(response, TargetRow, 201)
    assert (made.name, made.address, made.topics) == ("Fake", "fake://***", ["work"])
    assert read(await client.get("/notify/targets"), list[TargetRow]) == [made]
    assert "secret" not in response.text + (await client.get("/notify/targets")).text
    assert (await client.post(f"/notify/targets/{made.id}/test")).status_code == 204
    change = {"name": "mine", "topics": ["price", "money"]}
    changed = read(await client.patch(f"/notify/targets/{made.id}", json=change), TargetRow)
    assert (changed.name, changed.topics) == ("mine", ["price", "money"])
    assert (await client.delete(f"/notify/targets/{made.id}")).status_code == 204
    told(await client.delete(f"/notify/targets/{made.id}"), 404)
    told(await client.post("/notify/targets", json={"address": "nope://x"}), 422)
    told(await client.post("/notify/targets", json={"address": "fake://x", "topics": ["gossip"]}), 422)


async def test_topics_can_be_chosen_from(client: httpx.AsyncClient) -> None:
    topics = read(await client.get("/notify/topics"), list[TopicRow])
    assert {"job.failed"} <= {kind for row in topics if row.topic == "work" for kind in row.kinds}
