"""Every page for everybody: axe finds no serious fault, on a phone in the dark and on a wide screen in the light."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Kyc
from tests.e2e.dashboard.browser import serious_faults, sign_in, tab, url_of
from tests.e2e.dashboard.steps import is_whole

pytestmark = pytest.mark.timeout(600)
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


@pytest.mark.parametrize(("width", "height", "theme"), [(390, 844, "dark"), (1440, 900, "light")])
def test_axe_finds_no_serious_fault(master: Kyc, browser: Browser, width: int, height: int, theme: str) -> None:
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
