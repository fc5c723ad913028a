"""A master that is started again, and a session that ends: the page goes on by itself, or by a sign-in."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Kyc
from tests.e2e.dashboard.browser import sign_in, tab, token_of, url_of
from tests.e2e.dashboard.steps import go

pytestmark = pytest.mark.timeout(300)


def test_a_restart_and_the_end_of_a_session(kyc: Kyc, browser: Browser) -> None:
    with tab(browser) as page:
        sign_in(page, kyc)
        go(page, "Instances")
        expect(page.get_by_text("No instance yet")).to_be_visible()
        the_master_restarts(page, kyc, session="12s")
        sign_in(page, kyc)  # this session is one of those that end
        page.goto(f"{url_of(kyc)}/instances?tab=healthy")
        the_session_ends(page)
        one_is_back_after_the_sign_in(page, kyc)


def the_master_restarts(page: Page, kyc: Kyc, *, session: str) -> None:
    port = url_of(kyc).rsplit(":", 1)[1]
    kyc.run("down")
    away = page.get_by_role("status").filter(has_text="does not answer")
    expect(away).to_be_visible()
    kyc.env = {"KYC_SESSION": session}
    kyc.up("--port", port)  # the page is of this address
    expect(away).to_be_hidden()
    made = kyc.client.launch(count=1).instances[0]
    expect(page.get_by_role("link", name=made)).to_be_visible()


def the_session_ends(page: Page) -> None:
    expect(page.get_by_role("tab", name="Healthy")).to_be_visible()
    expect(page.get_by_text("Your session has ended")).to_be_visible()


def one_is_back_after_the_sign_in(page: Page, kyc: Kyc) -> None:
    page.get_by_role("button", name="Sign in with the master's token instead").click()
    page.get_by_label("The master's token").fill(token_of(kyc))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("tab", name="Healthy")).to_have_attribute("aria-selected", "true")
    expect(page).to_have_url(re.compile(r"/instances\?tab=healthy"))
