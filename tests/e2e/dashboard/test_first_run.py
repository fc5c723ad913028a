"""From the first run to the files of a job that lost its instance: all of it in the browser."""

from __future__ import annotations

import hashlib
import re
import tarfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Kyc
from tests.e2e.dashboard.browser import serious_faults, tab, token_of, url_of
from tests.e2e.dashboard.steps import download, go, interrupt, is_done

pytestmark = pytest.mark.timeout(300)
# It waits at step 40 for its instance to be taken away, and tells what its files must be.
JOB = """name: count
resources: {cpus: 1+, memory: 1+}
run: |
  n=$(cat n 2>/dev/null || echo 0)
  [ -e noise ] || { head -c 300000 /dev/urandom > noise; echo "noise $(sha256sum < noise)"; }
  while [ $n -lt 60 ]; do
    while [ $n -eq 40 ] && [ "$KYC_ATTEMPT" = count.1 ]; do sleep 0.1; done
    n=$((n+1)); echo $n > n.new; mv n.new n; echo "step $n/60"; sleep 0.05
  done
keep: [n, noise]
progress: 'step (?P<step>\\d+)/(?P<total>\\d+)'
snapshot_interval: 0.5s
"""


def test_from_the_first_run_to_the_files(master: Kyc, browser: Browser) -> None:
    with tab(browser) as page:
        page.goto(url_of(master))
        set_up_administrator(page, master)
        the_local_cloud_works(page)
        launch_an_offer_and_see_terraform_live(page)
        submit_the_job(page)
        see_it_run(page)
        take_its_instance_away(page)
        see_it_recover(page)
        the_files_are_what_the_job_wrote(page)


def set_up_administrator(page: Page, master: Kyc) -> None:
    expect(page.get_by_role("heading", name="Set up Keep Your Cost")).to_be_visible()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_label("The master's token").fill(token_of(master))
    page.get_by_role("button", name="Create the administrator").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def the_local_cloud_works(page: Page) -> None:
    """It is part of the master, and needs no account."""
    go(page, "Settings")
    expect(page.get_by_role("region", name="local").get_by_text("Works")).to_be_visible()


def launch_an_offer_and_see_terraform_live(page: Page) -> None:
    go(page, "Launch")
    page.get_by_role("tab", name="Bare instances").click()
    page.get_by_role("button", name="Launch local/local/local-a/small/spot").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Launch").click()
    log = page.get_by_role("log", name="Terraform log")
    expect(log).to_contain_text("Creating...")
    expect(log).to_contain_text("Apply complete!")


def submit_the_job(page: Page) -> None:
    page.get_by_role("tab", name="Job", exact=True).click()
    page.get_by_role("textbox", name="Workload file").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(JOB)
    expect(page.get_by_label("Name")).to_have_value("count")
    page.get_by_role("button", name="Submit the job").click()


def see_it_run(page: Page) -> None:
    expect(page.get_by_role("heading", name="count Running")).to_be_visible()
    expect(page.get_by_role("log", name="Logs")).to_contain_text("step 40/60")
    assert not serious_faults(page)


def take_its_instance_away(page: Page) -> None:
    page.get_by_role("listitem").filter(has_text="#1").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1, name=re.compile("^i-"))).to_be_visible()  # the job's has such a button
    interrupt(page, "30 s")


def see_it_recover(page: Page) -> None:
    for step in (
        "The provider gives notice",
        "A replacement is requested",
        "The files are restored on it",
        "The old instance has flushed what was left",
        "The work goes on",
    ):
        is_done(page, step)
    assert not serious_faults(page)


def the_files_are_what_the_job_wrote(page: Page) -> None:
    go(page, "Jobs")
    page.get_by_role("link", name="count", exact=True).click()
    expect(page.get_by_role("heading", name="count Succeeded")).to_be_visible()
    told = download(page, page.get_by_role("button", name="Download", exact=True)).read_text()
    assert [int(step) for step in re.findall(r"^step (\d+)/60$", told, re.MULTILINE)] == list(range(1, 61))
    page.get_by_role("tab", name="Snapshots").click()
    snapshots = page.get_by_role("list", name="Snapshots")
    files = unpacked(download(page, snapshots.get_by_role("button", name="Download snapshot").first))
    assert files["n"] == b"60\n"
    assert re.findall(r"^noise (\w+)", told, re.MULTILINE) == [hashlib.sha256(files["noise"]).hexdigest()]


def unpacked(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        found = {Path(member.name).name: tar.extractfile(member) for member in tar if member.isfile()}
        return {name: file.read() for name, file in found.items() if file is not None}
