"""The dashboard in Korean: everywhere, and for good."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.timeout(300)


def test_korean_persists(page: Page) -> None:
    page.get_by_label("Language").select_option("ko")
    expect(page.get_by_role("heading", level=1, name="개요")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", level=1, name="개요")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    another = page.context.new_page()
    another.goto(page.url)
    expect(another.get_by_role("heading", level=1, name="개요")).to_be_visible()
    page.get_by_label("언어").select_option("en")
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
