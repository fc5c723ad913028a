"""A job tried out before its launch; its files verified, moved to another stream while it works, and verified there."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Kyc
from tests.e2e.dashboard.browser import sign_in, tab
from tests.e2e.dashboard.steps import go

pytestmark = pytest.mark.timeout(300)
JOB = """name: notes
resources: {cpus: 1+, memory: 1+}
deadline: 2h
run: |
  n=0
  while :; do n=$((n+1)); echo $n > n.new; mv n.new n; echo "step $n"; sleep 0.2; done
keep: [n]
snapshot_interval: 0.5s
"""


def test_a_what_if_before_the_launch_then_files_verified_and_moved(kyc: Kyc, browser: Browser, tmp_path: Path) -> None:
    with tab(browser) as page:
        sign_in(page, kyc)
        try_it_out(page)
        page.get_by_role("button", name="Submit the job").click()
        expect(page.get_by_role("heading", name="notes Running")).to_be_visible()
        the_newest_snapshot_is_whole(page)
        move_to(page, f"file://{tmp_path / 'other'}")
        go(page, "Jobs")
        page.get_by_role("link", name="notes", exact=True).click()
        the_newest_snapshot_is_whole(page)


def try_it_out(page: Page) -> None:
    go(page, "Launch")
    page.get_by_role("textbox", name="Workload file").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(JOB)
    expect(page.get_by_label("Name")).to_have_value("notes")
    what_if = page.get_by_role("region", name="What if")
    what_if.get_by_role("button", name="What if").click()
    expect(what_if.get_by_label("Deadline, hours")).to_have_value("2")
    what_if.get_by_role("button", name="Make an example").click()
    expect(what_if.get_by_text("This recording is made up")).to_be_visible()
    what_if.get_by_role("button", name="Simulate").click()
    compared = what_if.get_by_role("table", name="Policies compared")
    expect(compared.get_by_role("row")).to_have_count(5)  # the head, and four policies
    expect(compared).to_contain_text("On demand only")


def the_newest_snapshot_is_whole(page: Page) -> None:
    page.get_by_role("tab", name="Snapshots").click()
    newest = page.get_by_role("list", name="Snapshots").get_by_role("listitem").filter(has_text="#").first
    newest.get_by_role("button", name="Verify snapshot").click()
    found = page.get_by_role("list", name="Snapshots").get_by_role("status").filter(has_text="can be restored")
    expect(found).to_contain_text("All of it can be restored.")
    expect(found).to_contain_text("1 file")


def move_to(page: Page, url: str) -> None:
    go(page, "Settings")
    page.get_by_role("tab", name="Stream").click()
    page.get_by_label("Address").fill(url)
    page.get_by_role("button", name="Check").click()
    move = page.get_by_role("button", name="Move all jobs there")
    expect(move).not_to_have_attribute("aria-disabled", "true")
    move.click()
    page.get_by_role("alertdialog").get_by_role("button", name="Move all jobs there").click()
    moved = page.get_by_role("list", name="Where each job's files lie").get_by_role("listitem").filter(has_text="notes")
    expect(moved.get_by_text(url, exact=True)).to_be_visible()
