"""Everything by the keyboard alone: from the first sign-in over a launch to an interruption and what was told of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import Kyc
from tests.e2e.dashboard.browser import tab, token_of, url_of

pytestmark = pytest.mark.timeout(300)
MOST_STOPS = 200  # on the way from one control to another; a page has fewer
JOB = """name: wait
resources: {cpus: 1+, memory: 1+}
run: while :; do echo on; sleep 1; done
keep: [nothing]
"""


def test_all_of_it_by_the_keyboard(kyc: Kyc, browser: Browser) -> None:
    with tab(browser) as page:
        page.goto(url_of(kyc))
        set_up_administrator(page, kyc)
        launch_an_offer(page)
        submit_a_job(page)
        take_its_instance_away(page)
        read_of_it(page)


def set_up_administrator(page: Page, kyc: Kyc) -> None:
    for label, text in (
        ("Name", "ada"),
        ("Password", "correct horse battery"),
        ("The master's token", token_of(kyc)),
    ):
        reach(page, page.get_by_label(label))
        page.keyboard.insert_text(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def launch_an_offer(page: Page) -> None:
    press(page, page.get_by_role("navigation").get_by_role("link", name="Launch"))
    reach(page, page.get_by_role("tab", name="Job", exact=True))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Bare instances")).to_have_attribute("aria-selected", "true")
    press(page, page.get_by_role("button", name="Launch local/local/local-a/small/spot"))
    dialog = page.get_by_role("alertdialog")
    launch = dialog.get_by_role("button", name="Launch")
    expect(launch).not_to_have_attribute("aria-disabled", "true")  # once Terraform has planned
    press(page, launch)
    expect(page.get_by_role("log", name="Terraform log")).to_contain_text("Apply complete!")


def submit_a_job(page: Page) -> None:
    reach(page, page.get_by_role("tab", name="Bare instances"))
    page.keyboard.press("Home")
    reach(page, page.get_by_role("textbox", name="Workload file"))
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(JOB)
    expect(page.get_by_label("Name")).to_have_value("wait")
    page.keyboard.press("Escape")  # closes the editor's suggestions, if they have come
    page.keyboard.press("Escape")  # lets Tab leave the editor, as the page says
    press(page, page.get_by_role("button", name="Submit the job"))
    expect(page.get_by_role("heading", name="wait Running")).to_be_visible()
    expect(page.get_by_role("log", name="Logs")).to_contain_text("on")


def take_its_instance_away(page: Page) -> None:
    button = page.get_by_role("button", name="Force interruption")
    press(page, button)
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()  # who thinks better of it is where one was
    page.keyboard.press("Enter")
    press(page, dialog.get_by_role("button", name="Force interruption"))
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("listitem").filter(has_text="The work goes on")).to_have_attribute("data-state", "done")


def read_of_it(page: Page) -> None:
    press(page, page.get_by_role("navigation").get_by_role("link", name="Events"))
    reach(page, page.get_by_role("searchbox"))
    page.keyboard.insert_text("job.resumed")
    told = page.get_by_role("article", name=re.compile("^job.resumed wait"))
    press(page, told.get_by_role("button"))
    detail = page.get_by_role("dialog")
    expect(detail).to_contain_text("job.resumed")
    page.keyboard.press("Escape")
    expect(detail).to_be_hidden()
    expect(told.get_by_role("button")).to_be_focused()


def reach(page: Page, wanted: Locator) -> None:
    """Go on by Tab until it has the focus; behind the last control comes the first one."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_STOPS):
        if wanted.evaluate("it => it === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {wanted}")


def press(page: Page, wanted: Locator) -> None:
    reach(page, wanted)
    page.keyboard.press("Enter")
