"""The dashboard in a real browser, against a real master with the local cloud: by role and text, nothing mocked."""

from __future__ import annotations

import csv
import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kyc.master.pages import FOLDER
from tests.e2e.browser import PATIENCE_MS, chromium, serious_faults, sign_in, tab, token_of, url_of
from tests.e2e.conftest import Kyc
from tests.needs import need

expect.set_options(timeout=PATIENCE_MS)
pytestmark = pytest.mark.timeout(300)
PASSWORD = "correct horse battery"
JOB = """name: count
resources: {cpus: 1+, memory: 1+}
run: |
  n=$(cat n 2>/dev/null || echo 0)
  while [ $n -lt 150 ]; do
    n=$((n+1)); echo $n > n.new; mv n.new n; echo "step $n/150"; sleep 0.2
  done
keep: [n]
progress: 'step (?P<step>\\d+)/(?P<total>\\d+)'
snapshot_interval: 0.5s
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need("chromium")
    assert (FOLDER / "index.html").is_file(), "`make dashboard` first"
    with chromium() as found:
        yield found


def test_from_the_first_run_to_the_files(kyc: Kyc, browser: Browser) -> None:
    with tab(browser) as page:
        page.goto(url_of(kyc))
        set_up_administrator(page, kyc)
        assert not serious_faults(page)
        launch_a_bare_instance(page)
        submit(page, JOB)
        expect(page.get_by_role("heading", name="count Running")).to_be_visible()
        expect(page.get_by_role("log", name="Logs")).to_contain_text("step 10/150")
        assert not serious_faults(page)
        interrupt_instance_of_attempt(page, 1)
        for step in ("A replacement is requested", "The files are restored on it", "The work goes on"):
            done = page.get_by_role("listitem").filter(has_text=step)
            expect(done).to_have_attribute("data-state", "done")
        expect(page.get_by_role("listitem").filter(has_text="flushed what was left")).to_have_attribute(
            "data-state", "done"
        )
        assert not serious_faults(page)
        page.goto(f"{url_of(kyc)}/jobs/count?tab=snapshots")
        expect(page.get_by_role("heading", name="count Succeeded")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("list", name="Snapshots").get_by_role("button", name="Download snapshot").first.click()
        with tarfile.open(download.value.path()) as tar:
            files = {Path(member.name).name: tar.extractfile(member) for member in tar if member.isfile()}
            content = files["n"]
            assert content is not None
            assert content.read().strip() == b"150"


def test_language_export_second_browser_restart_and_expiry(kyc: Kyc, browser: Browser) -> None:
    with tab(browser) as page, tab(browser, width=390, height=844, theme="dark") as phone:
        for each in (page, phone):
            sign_in(each, kyc)
        korean_persists(page)
        page.goto(f"{url_of(kyc)}/instances")
        phone.goto(f"{url_of(kyc)}/instances")
        made = kyc.client.launch(count=2)
        for each in (page, phone):
            for instance in made.instances:
                expect(each.get_by_role("link", name=instance)).to_be_visible()
        export_equals_table(page)
        assert not serious_faults(page)
        assert not serious_faults(phone)
        kyc.run("down")
        expect(page.get_by_role("status").filter(has_text="does not answer")).to_be_visible()
        kyc.up()
        expect(page.get_by_role("status").filter(has_text="does not answer")).to_be_hidden()
        newest = kyc.client.launch(count=1).instances[0]
        expect(page.get_by_role("link", name=newest)).to_be_visible()
        expiry_leads_to_sign_in_and_back(page, kyc)


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


def submit(page: Page, file: str) -> None:
    page.get_by_role("tab", name="Job").click()
    editor = page.get_by_role("textbox", name="Workload file")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(file)
    expect(page.get_by_label("Name")).to_have_value("count")
    page.get_by_role("button", name="Submit the job").click()


def interrupt_instance_of_attempt(page: Page, number: int) -> None:
    page.get_by_role("listitem").filter(has_text=f"#{number}").get_by_role("link").click()
    page.get_by_role("button", name="Force interruption").click()
    page.get_by_role("alertdialog").get_by_role("radio", name="30 s").check()
    page.get_by_role("alertdialog").get_by_role("button", name="Force interruption").click()


def korean_persists(page: Page) -> None:
    page.get_by_label("Language").select_option("ko")
    expect(page.get_by_role("heading", name="개요")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="개요")).to_be_visible()
    page.get_by_label("언어").select_option("en")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def export_equals_table(page: Page) -> None:
    ids = [link.inner_text() for link in page.get_by_role("table").get_by_role("link", name=re.compile("^i-")).all()]
    assert len(ids) >= 2
    for name, read in (("CSV", lambda text: list(csv.DictReader(io.StringIO(text)))), ("JSON", json.loads)):
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=name).click()
        rows = read(Path(download.value.path()).read_text(encoding="utf-8"))
        assert [row["id"] for row in rows] == ids


def expiry_leads_to_sign_in_and_back(page: Page, kyc: Kyc) -> None:
    page.goto(f"{url_of(kyc)}/instances?tab=healthy")
    expect(page.get_by_role("tab", name="Healthy")).to_be_visible()
    page.context.clear_cookies()  # to the master the same as a session that is over
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_role("button", name="Sign in with the master's token instead").click()
    page.get_by_label("The master's token").fill(token_of(kyc))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("tab", name="Healthy")).to_have_attribute("aria-selected", "true")
    expect(page).to_have_url(re.compile(r"/instances\?tab=healthy"))
