"""`make screenshots`: every page of the dashboard at 1440 and at 390 px, light and dark, into docs/img as WebP.

A master of its own with the local cloud runs the example service and a job whose instance is taken away.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from bench.browser import chromium, sign_in, url_of
from bench.stage import ROOT, StageError, kyc, stage
from kyc import Client

IMAGES = ROOT / "docs" / "img"
SIZES = {1440: 900, 390: 844}
PAGES = {
    "overview": "/",
    "launch": "/launch",
    "offers": "/launch?what=instances",
    "jobs": "/jobs",
    "job": "/jobs/train",
    "services": "/services",
    "service": "/services/web",
    "instances": "/instances",
    "instance": "/instances/{instance}",
    "events": "/events",
    "market": "/market",
    "simulate": "/simulate",
    "notifications": "/notifications",
    "settings": "/settings",
}
_LOADED = """() => document.querySelector('h1') && document.querySelector('.live[data-link=live]')
  && !document.querySelector('.bones, .term-note')"""
# Charts are drawn anew a frame after their room has changed.
_DRAWN = (
    "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 200, true))))"
)
_JOB = """name: train
resources: {cpus: 1+, memory: 1+}
run: |
  n=$(cat out/n 2>/dev/null || echo 0); mkdir -p out
  while [ $n -lt 2000 ]; do n=$((n+1)); echo $n > out/new; mv out/new out/n
    printf "epoch %d/2000 loss 0.%03d\\n" $n $((7000/(n+8))); sleep 0.2
  done
keep: [out/]
progress: 'epoch (?P<step>\\d+)/(?P<total>\\d+)'
budget: 2 USD
deadline: 2h
"""


def main() -> None:
    """Make the pictures anew."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with stage() as (client, home), chromium() as browser:
        instance = something_to_see(client, home)
        take_all(browser, home, instance)


def something_to_see(client: Client, home: Path) -> str:
    """Run a job, take its instance away, and return that instance once the work goes on elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "train.yaml"
        file.write_text(_JOB)
        kyc(home, "run", str(file), "-d")
    kyc(home, "serve", str(ROOT / "examples" / "web" / "service.yaml"), "-d")
    for event in client.stream_events():
        if event.kind == "job.progress":
            taken = str(event.data["instance"])
            break
    client.interrupt(taken, notice_s=30)
    for event in client.stream_events():
        if event.kind == "job.resumed":
            return taken
    raise StageError("the job did not go on")


def take_all(browser: Browser, home: Path, instance: str) -> None:
    """Take every page in every size and theme; what is shown is the same in all four."""
    page = browser.new_context(color_scheme="light", locale="en-US").new_page()
    page.set_default_timeout(120_000)
    sign_in(page, home)
    for name, path in PAGES.items():
        page.goto(url_of(home) + path.format(instance=instance))
        page.wait_for_function(_LOADED)
        if name == "simulate":
            simulate(page)
        page.evaluate("document.fonts.ready")
        for theme, other in (("light", "Dark theme"), ("dark", "Light theme")):
            for width, height in SIZES.items():
                page.set_viewport_size({"width": width, "height": height})
                page.wait_for_function(_DRAWN)
                take(page, IMAGES / f"{name}-{width}-{theme}.webp")
            switch = page.get_by_role("button", name=other, include_hidden=True)
            switch.evaluate("button => button.click()")  # without a mouse, whose place would be seen


def simulate(page: Page) -> None:
    """Have a what-if on a made-up recording."""
    page.get_by_role("button", name="Make an example").click()
    page.get_by_role("button", name="Simulate").click()
    page.get_by_role("table").wait_for()


def take(page: Page, file: Path) -> None:
    """Write what is in sight as WebP, which Playwright itself does not offer."""
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": 72})
    file.write_bytes(base64.b64decode(taken["data"]))
    session.detach()


if __name__ == "__main__":
    try:
        main()
    except StageError as error:
        sys.exit(f"error: {error}")
