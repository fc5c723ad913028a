"""The dashboard in a real browser, against a real master with the local cloud: by role and text, nothing mocked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from kyc.master.pages import FOLDER
from tests.e2e.browser import PATIENCE_MS, chromium, serious_faults, tab, token_of, url_of
from tests.e2e.conftest import Kyc
from tests.needs import need

expect.set_options(timeout=PATIENCE_MS)
pytestmark = pytest.mark.timeout(300)
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need("chromium")
    assert (FOLDER / "index.html").is_file(), "`make dashboard` first"
    with chromium() as found:
        yield found


def test_from_the_first_run_to_an_instance(kyc: Kyc, browser: Browser) -> None:
    with tab(browser) as page:
        page.goto(url_of(kyc))
        set_up_administrator(page, kyc)
        assert not serious_faults(page)
        launch_a_bare_instance(page)


def set_up_administrator(page: Page, kyc: Kyc) -> None:
    expect(page.get_by_role("heading", name="Set up Keep Your Cost")).to_be_visible()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("The master's token").fill(token_of(kyc))
    page.get_by_role("button", name="Create the administrator").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def launch_a_bare_instance(page: Page) -> None:
    page.get_by_role("navigation").get_by_role("link", name="Launch").click()
    page.get_by_role("tab", name="Bare instances").click()
    page.get_by_role("button", name="Launch local/local/local-a/small/spot").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Launch").click()
    log = page.get_by_role("log", name="Terraform log")
    expect(log).to_contain_text("Creating...")
    expect(log).to_contain_text("Apply complete!")
