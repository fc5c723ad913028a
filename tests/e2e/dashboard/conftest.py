"""One master and one Chromium for all stories that can share them; gone before any other test runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench.browser import chromium
from playwright.sync_api import Browser, Page, expect

from kyc.master.pages import FOLDER
from tests.e2e.conftest import Kyc, living
from tests.e2e.dashboard.browser import PATIENCE_MS, sign_in, tab
from tests.needs import need

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    need("chromium")
    assert (FOLDER / "index.html").is_file(), "`make dashboard` first"
    with chromium() as found:
        yield found


@pytest.fixture(scope="package")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kyc]:
    """No story but the first run's adds a user to it; each leaves what it made to itself."""
    need("terraform")
    with living(tmp_path_factory.mktemp("dashboard") / "home") as made:
        yield made


@pytest.fixture
def page(browser: Browser, master: Kyc) -> Iterator[Page]:
    """A page of a new browser profile, signed in at the shared master."""
    with tab(browser) as found:
        sign_in(found, master)
        yield found
