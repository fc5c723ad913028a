"""`make bench-ui`: the dashboard in a real Chromium on loopback. The last line is one JSON object.

A first visit, five times with an empty cache, in a window that has opened (Chromium draws its own frame by scripts, a
second of a core), its bytes counted as they came over the wire; then 100,000 events and 1,000 instances, written
through the master's own store, scrolled from end to end: how many frames a second were drawn, and how long the slowest
took but one in a hundred. Chromium draws at most 60 a second; here without a graphics card.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random

from playwright.sync_api import Browser, Page

from bench.browser import chromium, sign_in, url_of
from bench.stage import StageError, kyc, stage, wait_for
from kyc.adapters.sql.database import sqlite_url
from kyc.adapters.sql.store import SqlStore
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import new_deployment_id, new_instance_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.offer import Offer, Purchase

VISITS = 5
EVENTS = 100_000
INSTANCES = 1_000
BATCH = 5_000
SCROLL_MS = 5_000
REST_CPU_S = 0.01  # in a tenth of a second
_KINDS = (EventKind.JOB_PROGRESS, EventKind.SNAPSHOT_COMMITTED, EventKind.JOB_PROGRESS, EventKind.DEPLOYMENT_LOG)

# Usable: the menu and the page's own figures are there, and the thread is free to answer a click.
_INTERACTIVE = """() => document.querySelector('nav a[href="/launch"]') && document.querySelector('.stats dd')
  && !document.querySelector('.bones') && new Promise(resolve => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => resolve(performance.now());
    requestAnimationFrame(() => channel.port2.postMessage(null));
  })"""
_SCROLL = """(forMs) => new Promise((resolve) => {
  const begin = performance.now();
  const times = [];
  const frame = (now) => {
    times.push(now);
    window.scrollTo(0, (document.documentElement.scrollHeight - innerHeight) * Math.min(1, (now - begin) / forMs));
    if (now - begin < forMs) requestAnimationFrame(frame); else resolve(times);
  };
  requestAnimationFrame(frame);
})"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a first visit cost: bytes over the wire, with headers, and the time until the page could be used."""

    files: int
    answers: int
    interactive_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrolled:
    """How smooth it was."""

    fps: float
    frame_ms_p99: float


def main() -> None:
    """Measure, and print the result."""
    with stage() as (_, home):
        with chromium() as browser:
            visits = [first_visit(browser, home) for _ in range(VISITS)]
        kyc(home, "down")
        asyncio.run(fill(home))
        kyc(home, "up", "--detach", "--port", "0")
        with chromium() as browser:
            events, instances = scroll_events(browser, home), scroll_instances(browser, home)
        result = {
            "first_load_kb_gzip": round(visits[0].files / 1000, 1),
            "first_load_api_kb": round(visits[0].answers / 1000, 1),
            "interactive_ms": round(statistics.median(visit.interactive_ms for visit in visits)),
            "events_100k_scroll_fps": round(events.fps, 1),
            "events_100k_frame_ms_p99": round(events.frame_ms_p99, 1),
            "instances_1000_scroll_fps": round(instances.fps, 1),
            "instances_1000_frame_ms_p99": round(instances.frame_ms_p99, 1),
            "visits_ms": [round(visit.interactive_ms) for visit in visits],
        }
    print(json.dumps(result))


# --- what is there to be scrolled ---


async def fill(home: Path) -> None:
    """Write the events, a tenth of a second apart, and instances that have ended."""
    store = await SqlStore.open(sqlite_url(home / "master.db"))
    begin = datetime.now(UTC) - timedelta(seconds=EVENTS / 10)
    for first in range(0, EVENTS, BATCH):
        await store.save(events=[event(begin, number) for number in range(first, first + BATCH)])
    rng = Random(8)  # ids, no secrets
    for number in range(INSTANCES):
        await store.save(*ended_instance(rng, begin + timedelta(seconds=number)))
    await store.close()


def event(begin: datetime, number: int) -> Event:
    """Return one of the events."""
    kind = _KINDS[number % len(_KINDS)]
    at = begin + timedelta(seconds=number / 10)
    if kind is EventKind.DEPLOYMENT_LOG:
        line = f"local_instance.this[{number}]: Creating..."
        return Event(kind=kind, subject=f"d-{number % 97}", at=at, data={"line": line, "level": "info"})
    data = {"attempt": "train.1", "instance": "i-bench", "step": number, "total": EVENTS, "bytes": number * 37}
    return Event(kind=kind, subject=f"train-{number % 13}", at=at, data=data, reason="")


def ended_instance(rng: Random, at: datetime) -> tuple[Deployment, Instance]:
    """Return an instance that was, and its deployment."""
    price = Decimal(rng.randrange(80, 400)) / 10_000
    offer = Offer(
        cloud="local",
        region="local",
        zone=f"local-{rng.choice('abc')}",
        instance_type=rng.choice(("small", "medium", "large")),
        purchase=Purchase.SPOT,
        vcpus=1,
        memory_mib=512,
        price_usd_per_hour=price,
        on_demand_usd_per_hour=price * 3,
        source="local",
        priced_at=at,
    )
    instance_id, deployment_id = new_instance_id(rng), new_deployment_id(rng)
    instance = Instance(
        id=instance_id,
        deployment_id=deployment_id,
        offer=offer,
        state=InstanceState.TERMINATED,
        requested_at=at,
        name=instance_id,
        started_at=at,
        ready_at=at,
        ended_at=at + timedelta(minutes=rng.randrange(1, 90)),
    )
    state = DeploymentState.DESTROYED
    return Deployment(
        id=deployment_id, offer=offer, instance_ids=(instance_id,), state=state, requested_at=at
    ), instance


# --- in the browser ---


def first_visit(browser: Browser, home: Path) -> Visit:
    """Open the overview with an empty cache."""
    page = signed_in(browser, home)
    opened(browser)
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    urls: dict[str, str] = {}
    bytes_of: dict[str, int] = {}
    wire.on("Network.responseReceived", lambda told: urls.update({told["requestId"]: told["response"]["url"]}))
    wire.on("Network.loadingFinished", lambda told: bytes_of.update({told["requestId"]: told["encodedDataLength"]}))
    page.goto(url_of(home))
    took = float(page.wait_for_function(_INTERACTIVE).json_value())
    page.wait_for_load_state("load")
    answers = sum(size for key, size in bytes_of.items() if "/api/" in urls[key])
    page.context.close()
    return Visit(files=int(sum(bytes_of.values()) - answers), answers=int(answers), interactive_ms=took)


def opened(browser: Browser) -> None:
    """Wait until the browser has opened its window: until its processes rest."""
    session = browser.new_browser_cdp_session()

    def cpu_s() -> float:
        return sum(float(one["cpuTime"]) for one in session.send("SystemInfo.getProcessInfo")["processInfo"])

    before = cpu_s()

    def rests() -> bool | None:
        nonlocal before
        spent, before = cpu_s() - before, cpu_s()
        return True if spent < REST_CPU_S else None

    wait_for("the browser to rest", rests, timeout_s=60)
    session.detach()


def scroll_events(browser: Browser, home: Path) -> Scrolled:
    """Scroll through the timeline, once all of it was read by going to its end again and again."""
    page = signed_in(browser, home)
    page.goto(f"{url_of(home)}/events?kind=all")
    page.get_by_role("feed").get_by_role("article").first.wait_for()
    page.evaluate("window.going = setInterval(() => scrollTo(0, document.documentElement.scrollHeight), 50)")
    page.wait_for_function("() => !document.querySelector('.count').innerText.endsWith('+')")
    page.evaluate("clearInterval(window.going)")
    told = page.locator(".count").inner_text()
    if int("".join(filter(str.isdigit, told))) < EVENTS:
        raise StageError(f"the timeline shows {told}, not {EVENTS}")
    return scrolled(page)


def scroll_instances(browser: Browser, home: Path) -> Scrolled:
    """Scroll through the table of instances."""
    page = signed_in(browser, home)
    page.goto(f"{url_of(home)}/instances")
    page.get_by_role("tab", name="All").get_by_text(f"{INSTANCES:,}").wait_for()
    page.get_by_role("row").nth(10).wait_for()
    return scrolled(page)


def scrolled(page: Page) -> Scrolled:
    """Scroll from the top to the end."""
    page.evaluate("window.scrollTo(0, 0)")
    times: list[float] = page.evaluate(_SCROLL, SCROLL_MS)
    page.context.close()
    frames = [late - early for early, late in pairwise(times)]
    return Scrolled(
        fps=len(frames) / (times[-1] - times[0]) * 1000, frame_ms_p99=statistics.quantiles(frames, n=100)[98]
    )


def signed_in(browser: Browser, home: Path) -> Page:
    """Return a page of a new profile that is signed in."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    sign_in(page, home)
    return page


if __name__ == "__main__":
    try:
        main()
    except StageError as error:
        sys.exit(f"error: {error}")
