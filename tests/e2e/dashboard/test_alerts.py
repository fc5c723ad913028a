"""A price alert fires once for each time that the price crosses its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Kyc
from tests.e2e.dashboard.steps import go

pytestmark = pytest.mark.timeout(300)

HEAD = "cloud,region,instance_type,vcpus,memory_gib,on_demand_usd_h,spot_usd_h,as_of,spot_source\n"


def test_an_alert_fires_once_a_crossing(master: Kyc, page: Page, tmp_path: Path) -> None:
    prices = iter(range(10))

    def the_price_is(usd: float) -> None:
        """As if a feed had said so: a newer price stands."""
        table = tmp_path / "prices.csv"
        table.write_text(f"{HEAD}aws,us-east-1,m9.test,4,16,0.2,{usd},2026-01-0{next(prices) + 1}T00:00:00Z,import\n")
        master.client.import_prices(table)

    the_price_is(0.05)
    go(page, "Market")
    page.get_by_label("Which machine").select_option("aws / us-east-1 / m9.test")
    alerts = page.get_by_role("region", name="Price alerts")
    alerts.get_by_label("Side").select_option("below")
    alerts.get_by_label("Price in USD an hour").fill("0.04")
    alerts.get_by_role("button", name="Add alert").click()
    alert = alerts.get_by_role("listitem").filter(has_text="m9.test")
    expect(alert).to_contain_text(seen(0.05))
    for usd, fired in ((0.03, 1), (0.02, 1), (0.06, 1), (0.01, 2)):
        the_price_is(usd)
        expect(alert).to_contain_text(seen(usd))
        expect(alert).to_contain_text(f"fired {fired} time")
    go(page, "Events")
    page.get_by_role("searchbox").fill("price.alerted")
    told = page.get_by_role("article", name="price.alerted")
    expect(told).to_have_count(2)
    expect(told.first).to_contain_text("is $0.01/h, below $0.04/h")
    expect(told.last).to_contain_text("is $0.03/h, below $0.04/h")


def seen(usd: float) -> re.Pattern[str]:
    return re.compile(rf"now \${usd:.2f}0*\b")
