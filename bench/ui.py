"""The dashboard in a real Chromium: what a first visit loads, how soon it is usable, how 100,000 events scroll.

The last line is one JSON object. The events are stored through the master's own store, before a new start of it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, Response, sync_playwright

from bench.stage import StageError, kyc, stage
from kyc.adapters.sql.database import sqlite_url
from kyc.adapters.sql.store import SqlStore
from kyc.domain.event import Event, EventKind

VISITS = 5
EVENTS = 100_000
BATCH = 5_000
SCROLL_MS = 4_000
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
_SCROLLED = """(forMs) => new Promise((resolve) => {
  const begin = performance.now();
  let frames = 0;
  const frame = (now) => {
    frames += 1;
    window.scrollTo(0, (document.documentElement.scrollHeight - innerHeight) * Math.min(1, (now - begin) / forMs));
    if (now - begin < forMs) requestAnimationFrame(frame);
    else resolve(frames / ((performance.now() - begin) / 1000));
  };
  requestAnimationFrame(frame);
})"""


def main() -> None:
    """Measure, and print the result."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise StageError("there is no chromium on the PATH: apt-get install chromium")
    with stage() as (_, home):
        kyc(home, "down")
        asyncio.run(store_events(home))
        kyc(home, "up", "--detach", "--port", "0")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=_OPTIONS)
            try:
                visits = [first_visit(browser, home) for _ in range(VISITS)]
                fps = scroll(browser, home)
            finally:
                browser.close()
    result = {
        "first_load_kb_gzip": round(visits[0][0] / 1000, 1),
        "interactive_ms": round(statistics.median(ms for _, ms in visits)),
        "events_100k_scroll_fps": round(fps, 1),
    }
    print(json.dumps(result))


async def store_events(home: Path) -> None:
    """Fill the timeline with progress of a job, a tenth of a second apart."""
    store = await SqlStore.open(sqlite_url(home / "master.db"))
    begin = datetime.now(UTC) - timedelta(seconds=EVENTS / 10)
    for first in range(0, EVENTS, BATCH):
        await store.save(events=[event(begin, number) for number in range(first, first + BATCH)])
    await store.close()


def event(begin: datetime, number: int) -> Event:
    """Return one of the events."""
    data = {"attempt": "train.1", "instance": "i-bench", "step": number, "total": EVENTS}
    at = begin + timedelta(seconds=number / 10)
    return Event(kind=EventKind.JOB_PROGRESS, subject="train", at=at, data=data)


def first_visit(browser: Browser, home: Path) -> tuple[int, float]:
    """Return the bytes that came over the wire for the overview, and the time until its heading can be used."""
    page = signed_in(browser, home)
    loaded: list[Response] = []
    page.on("response", lambda response: loaded.append(response) if "/api/" not in response.url else None)
    begin = page.evaluate("performance.timeOrigin + performance.now()")
    page.goto(url_of(home))
    page.get_by_role("link", name="Launch").first.wait_for()
    page.get_by_role("heading", name="Overview").wait_for()
    took = page.evaluate("performance.timeOrigin + performance.now()") - begin
    sizes = [response.request.sizes()["responseBodySize"] for response in loaded]
    page.context.close()
    return sum(sizes), took


def scroll(browser: Browser, home: Path) -> float:
    """Return the frames a second while the whole timeline is scrolled through."""
    page = signed_in(browser, home)
    page.goto(f"{url_of(home)}/events")
    for _ in steps_until_whole(page):
        page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(100)
    page.evaluate("window.scrollTo(0, 0)")
    fps: float = page.evaluate(_SCROLLED, SCROLL_MS)
    page.context.close()
    return fps


def steps_until_whole(page: Page) -> Iterator[int]:
    """Yield as long as older events are still being read."""
    count = page.locator(".count")
    count.wait_for()
    for step in range(2_000):
        if not count.inner_text().endswith("+"):
            return
        yield step
    raise StageError("the timeline was not read to its beginning")


def signed_in(browser: Browser, home: Path) -> Page:
    """Return a page of a new profile that is signed in."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    token = (home / "token").read_text().strip()
    headers = {"X-Kyc-Request": "1"}
    answer = page.request.post(f"{url_of(home)}/api/v1/session", data={"code": token}, headers=headers)
    if not answer.ok:
        raise StageError(answer.text())
    return page


def url_of(home: Path) -> str:
    """Return the running master's address."""
    return str(json.loads((home / "master.json").read_text())["url"])


if __name__ == "__main__":
    try:
        main()
    except StageError as error:
        sys.exit(f"error: {error}")
