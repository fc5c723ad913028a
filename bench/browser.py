"""A real Chromium at a running master's dashboard: for benches, pictures and tests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bench.stage import StageError

_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a browser with a profile of its own, gone afterwards; raise StageError where there is no Chromium."""
    found = shutil.which("chromium")
    if found is None:
        raise StageError("there is no chromium on the PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page: Page, home: Path) -> None:
    """Sign the page's browser in with the master's own token, by the API."""
    headers = {"X-Kyc-Request": "1"}
    answer = page.request.post(f"{url_of(home)}/api/v1/session", data={"code": token_of(home)}, headers=headers)
    if not answer.ok:
        raise StageError(answer.text())


def url_of(home: Path) -> str:
    """Return the running master's address."""
    return str(json.loads((home / "master.json").read_text())["url"])


def token_of(home: Path) -> str:
    """Return the master's own token."""
    return (home / "token").read_text().strip()
