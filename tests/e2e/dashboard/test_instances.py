"""Instances: a second browser sees the same at the same time, and an export is the table."""

from __future__ import annotations

import csv
import io
import json

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Kyc
from tests.e2e.dashboard.browser import sign_in, tab
from tests.e2e.dashboard.steps import cells, download, go

pytestmark = pytest.mark.timeout(300)

# When the page shows a text for the first time, on a clock that all pages of a machine share.
_WATCH = """text => {
  const shown = () => document.body.innerText.includes(text);
  window.firstSeen = new Promise(resolve => {
    const look = () => shown() ? resolve(performance.timeOrigin + performance.now()) : requestAnimationFrame(look);
    look();
  });
}"""


def test_a_second_browser_sees_the_same_within_two_seconds(master: Kyc, browser: Browser, page: Page) -> None:
    with tab(browser, width=390, height=844, theme="dark") as phone:
        sign_in(phone, master)
        go(page, "Instances")
        phone.get_by_role("button", name="Menu").click()
        go(phone, "Instances")
        for each in (page, phone):
            expect(each.locator("body")).to_contain_text("Live")
        made = master.client.launch(count=1).instances[0]
        for each in (page, phone):
            each.evaluate(_WATCH, made)
        first, second = sorted(each.evaluate("window.firstSeen") for each in (page, phone))
        assert second - first <= 2000


def test_an_export_is_the_table(master: Kyc, page: Page) -> None:
    made = master.client.launch(count=3).instances
    go(page, "Instances")
    page.get_by_role("searchbox").fill("small")
    for instance in made:
        expect(page.get_by_role("link", name=instance)).to_be_visible()
        expect(page.get_by_role("row").filter(has_text=instance)).to_contain_text("Ready")
    page.get_by_role("button", name="Instance", exact=True).click()
    table = cells(page, "Instances")
    assert [row["Instance"] for row in table] == sorted(row["Instance"] for row in table)
    for form, read in (("CSV", lambda text: list(csv.DictReader(io.StringIO(text)))), ("JSON", json.loads)):
        page.get_by_role("button", name="Export").click()
        rows = read(download(page, page.get_by_role("menuitem", name=form)).read_text(encoding="utf-8"))
        assert [(row["id"], row["type"], row["zone"]) for row in rows] == [
            (row["Instance"], row["Type"], row["Zone"]) for row in table
        ]
        assert [f"${float(row['price_usd_per_hour']):.4f}" for row in rows] == [row["Price/h"] for row in table]
