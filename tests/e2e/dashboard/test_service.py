"""A service under test requests from the dashboard while one of its instances is taken away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Kyc
from tests.e2e.dashboard.browser import serious_faults, url_of
from tests.e2e.dashboard.steps import go, interrupt

pytestmark = pytest.mark.timeout(300)
APP = Path(__file__).parents[3] / "examples" / "web" / "app.py"
SERVICE = """name: shop
workdir: .
service:
  readiness_probe: /health
  reply_headers: true
  replica: {cpus: 0.2, memory: 64MB}
  replica_policy: {min_replicas: 2, max_replicas: 2, max_replicas_per_instance: 1}
resources: {cloud: local, use_spot: true}
run: python3 -S -E app.py
"""


def test_no_request_fails_while_an_instance_is_taken_away(master: Kyc, page: Page, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_bytes(APP.read_bytes())
    (tmp_path / "shop.yaml").write_text(SERVICE)
    master.run("serve", str(tmp_path / "shop.yaml"), "-d")
    go(page, "Services")
    page.get_by_role("link", name="shop").click()
    expect(page.get_by_role("listitem", name="Instance i-")).to_have_count(2)
    expect(page.get_by_role("listitem").filter(has_text=re.compile(r"^shop\.r\d+ready"))).to_have_count(2)
    page.get_by_role("button", name="Keep sending").click()
    answers = page.get_by_role("list", name="Who answered").get_by_role("listitem")
    expect(answers).to_have_count(2)
    taken = answers.first.locator("span").nth(1).inner_text()
    with page.context.new_page() as other:
        other.goto(f"{url_of(master)}/instances/{taken}")
        interrupt(other, "10 s")
        expect(other.get_by_role("heading", name=re.compile("Terminated"))).to_be_visible()
    expect(answers).to_have_count(3)  # the replacement's replica answers too
    assert not serious_faults(page)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Send 10")).to_be_enabled()
    sent = page.get_by_role("status").filter(has_text="answered")
    expect(sent).to_contain_text(re.compile(r"\b[1-9][\d,]+ answered · 0 failed"))
