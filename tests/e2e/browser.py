"""A real Chromium for the browser tests, signed in or not; what its console says against the page fails the test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.conftest import Kyc

_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 90_000  # of one condition, on a busy machine


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a profile of its own, gone afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def tab(browser: Browser, *, width: int = 1440, height: int = 900, theme: str = "light") -> Iterator[Page]:
    """A page in a context of its own: no cookie or storage of another."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        accept_downloads=True,
        locale="en-US",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        yield page
        assert not faults, faults
    finally:
        context.close()


def url_of(kyc: Kyc) -> str:
    """Return the running master's address."""
    return str(json.loads((kyc.home / "master.json").read_text())["url"])


def token_of(kyc: Kyc) -> str:
    """Return the operator's token."""
    return (kyc.home / "token").read_text().strip()


def sign_in(page: Page, kyc: Kyc) -> None:
    """Sign the page in by the API, as a link does, and open the overview."""
    answer = page.request.post(
        f"{url_of(kyc)}/api/v1/session", data={"code": token_of(kyc)}, headers={"X-Kyc-Request": "1"}
    )
    assert answer.ok, answer.text()
    page.goto(url_of(kyc))


def serious_faults(page: Page) -> list[str]:
    """Return what axe finds serious or critical on the page as it is now."""
    axe = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
    page.evaluate(axe.read_text(encoding="utf-8"))  # evaluated, not injected: the page's policy forbids inline scripts
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]
