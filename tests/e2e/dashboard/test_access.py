"""Every page for everybody: axe finds no serious fault in either theme, and the main flows need no mouse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Kyc
from tests.e2e.dashboard.browser import serious_faults, sign_in, tab, url_of
from tests.e2e.dashboard.steps import focus, focused, is_done, is_whole, press

pytestmark = pytest.mark.timeout(300)
PAGES = (
    "/",
    "/launch",
    "/launch?what=service",
    "/launch?what=instances",
    "/jobs",
    "/services",
    "/instances",
    "/instances?view=grid",
    "/events",
    "/market",
    "/simulate",
    "/simulate?what=service",
    "/notifications",
    "/notifications?tab=targets",
    "/settings",
    "/settings?tab=budgets",
    "/settings?tab=people",
    "/settings?tab=stream",
    "/settings?tab=about",
    "/nowhere",
)
LAUNCH = "Launch local/local/local-a/small/spot"
VIEWS = {"light": (1440, 900), "dark": (390, 844)}


@pytest.mark.parametrize("theme", VIEWS)
def test_axe_finds_no_serious_fault(master: Kyc, browser: Browser, theme: str) -> None:
    width, height = VIEWS[theme]
    with tab(browser, width=width, height=height, theme=theme) as page:
        page.goto(f"{url_of(master)}/sign-in")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        faults = {"/sign-in": serious_faults(page)}
        sign_in(page, master)
        for path in PAGES:
            page.goto(url_of(master) + path)
            is_whole(page)
            faults[path] = serious_faults(page)
        assert not {path: found for path, found in faults.items() if found}


def test_an_instance_is_launched_and_taken_away_without_a_mouse(page: Page) -> None:
    is_whole(page)
    page.keyboard.press("Tab")
    expect(focused(page)).to_have_text("Skip to the content")
    press(page, "link", "Launch")
    expect(page.get_by_role("heading", level=1, name="Launch")).to_be_visible()
    focus(page, "tab", "Job")
    page.keyboard.press("ArrowLeft")  # round to the last
    press(page, "button", LAUNCH)
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(focused(page)).to_have_accessible_name(LAUNCH)  # one is where one was
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Launch")).to_be_enabled()
    press(page, "button", "Launch")
    expect(page.get_by_role("log", name="Terraform log")).to_contain_text("Apply complete!")
    press(page, "link", re.compile("^i-"))
    expect(page.get_by_role("button", name="Force interruption")).to_be_enabled()
    press(page, "button", "Force interruption")
    focus(page, "radio", "30 s")
    page.keyboard.press("ArrowDown")
    expect(dialog.get_by_role("radio", name="10 s")).to_be_checked()
    press(page, "button", "Force interruption")
    is_done(page, "The provider gives notice")
