"""Tabs of the browser tests; what a page's scripts throw fails the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import browser as running
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import Kyc

PATIENCE_MS = 90_000  # of one condition, on a busy machine
_AXE = Path(__file__).parents[3] / "ui" / "node_modules" / "axe-core" / "axe.min.js"


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
    return running.url_of(kyc.home)


def token_of(kyc: Kyc) -> str:
    """Return the operator's token."""
    return running.token_of(kyc.home)


def sign_in(page: Page, kyc: Kyc) -> None:
    """Sign the page in by the API, as a link does, and open the overview."""
    running.sign_in(page, kyc.home)
    page.goto(url_of(kyc))


def serious_faults(page: Page) -> list[str]:
    """Return what axe finds serious or critical on the page as it is now."""
    page.evaluate(_AXE.read_text(encoding="utf-8"))  # evaluated, not injected: the page's policy forbids inline scripts
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]
