"""`make screenshots`: every page of the dashboard as it is, light at 1440 px and dark at 390 px, into docs/img as WebP.

A master of its own with the local cloud runs the example service and a job whose instance is taken away.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bench.stage import ROOT, StageError, kyc, stage
from kyc import Client

IMAGES = ROOT / "docs" / "img"
VIEWS = {"light": (1440, 900), "dark": (390, 844)}
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
    "settings": "/settings",
}
_JOB = """name: train
resources: {cpus: 1+, memory: 1+}
run: |
  n=$(cat out/n 2>/dev/null || echo 0); mkdir -p out
  while [ $n -lt 2000 ]; do n=$((n+1)); echo $n > out/n
    printf "epoch %d/2000 loss 0.%03d\\n" $n $((7000/(n+8))); sleep 0.2
  done
keep: [out/]
progress: 'epoch (?P<step>\\d+)/(?P<total>\\d+)'
budget: 2 USD
deadline: 2h
"""


def main() -> None:
    """Make the pictures anew."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise StageError("there is no chromium on the PATH: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with stage() as (client, home), sync_playwright() as playwright:
        instance = something_to_see(client, home)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        try:
            take_all(browser, home, instance)
        finally:
            browser.close()


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
    """Take every page in both views."""
    page = signed_in(browser, home)
    for theme, (width, height) in VIEWS.items():
        page.goto(url_of(home))
        page.evaluate("theme => localStorage.setItem('kyc.theme', theme)", theme)
        page.set_viewport_size({"width": width, "height": height})
        for name, path in PAGES.items():
            page.goto(url_of(home) + path.format(instance=instance))
            page.get_by_role("heading", level=1).wait_for()
            page.locator(".bones").first.wait_for(state="hidden")
            page.evaluate("document.fonts.ready")
            take(page, IMAGES / f"{name}-{theme}.webp")


def take(page: Page, file: Path) -> None:
    """Write what is in sight as WebP, which Playwright itself does not offer."""
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": 72})
    file.write_bytes(base64.b64decode(taken["data"]))
    session.detach()


def signed_in(browser: Browser, home: Path) -> Page:
    """Return a page of a new profile that is signed in."""
    page = browser.new_context().new_page()
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
