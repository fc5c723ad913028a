"""The words in which the stories are told: what a person does at the dashboard, found by role and text."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect


def go(page: Page, place: str) -> None:
    """Go to a page by the menu."""
    page.get_by_role("navigation").get_by_role("link", name=place, exact=True).click()
    expect(page.get_by_role("heading", level=1, name=place)).to_be_visible()


def interrupt(page: Page, notice: str) -> None:
    """Have the instance that the page shows taken away."""
    page.get_by_role("button", name="Force interruption").click()
    dialog = page.get_by_role("alertdialog")
    dialog.get_by_role("radio", name=notice).check()
    dialog.get_by_role("button", name="Force interruption").click()
    expect(dialog).to_be_hidden()


def is_done(page: Page, step: str) -> None:
    """Wait until an interruption's step is ticked."""
    expect(page.get_by_role("listitem").filter(has_text=step)).to_have_attribute("data-state", "done")


def download(page: Page, button: Locator) -> Path:
    """Click what starts a download, and return the file."""
    with page.expect_download() as started:
        button.click()
    return Path(started.value.path())


def cells(page: Page, table: str) -> list[dict[str, str]]:
    """Return the rows in sight of a table: what each cell says, by its column's name."""
    rows = page.get_by_role("table", name=table).get_by_role("row").all()
    names = [head.inner_text() for head in rows[0].get_by_role("columnheader").all()]
    return [
        dict(zip(names, (cell.inner_text() for cell in row.get_by_role("cell").all()), strict=True)) for row in rows[1:]
    ]


def is_whole(page: Page) -> None:
    """Wait until the page shows what it loads."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".bones")).to_have_count(0)
