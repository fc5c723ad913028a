"""What the clouds' own tools keep on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kyc.cli.profile import read_profile
from kyc.domain.errors import NotFoundError


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "azure"))
    monkeypatch.delenv("CLOUDSDK_ACTIVE_CONFIG_NAME", raising=False)


@pytest.mark.parametrize("cloud", ["gcp", "azure"])
def test_where_the_tool_was_never_used_nothing_is_known(cloud: str) -> None:
    assert read_profile(cloud, None) == {}
    with pytest.raises(NotFoundError, match="nobody"):
        read_profile(cloud, "nobody")


def test_gcloud_has_credentials_and_a_project_for_each_configuration(tmp_path: Path) -> None:
    configurations = tmp_path / "gcloud" / "configurations"
    configurations.mkdir(parents=True)
    (configurations / "config_default").write_text("[core]\naccount = ann@example.com\nproject = mine\n")
    (configurations / "config_work").write_text("[core]\nproject = theirs\n")
    key = '{"type": "authorized_user"}'
    (tmp_path / "gcloud" / "application_default_credentials.json").write_text(key)
    assert read_profile("gcp", None) == {"project": "mine", "credentials": key}
    assert read_profile("gcp", "work") == {"project": "theirs", "credentials": key}
    with pytest.raises(NotFoundError):
        read_profile("gcp", "nobody")


def test_the_azure_tool_knows_the_subscription_but_no_secret(tmp_path: Path) -> None:
    (tmp_path / "azure").mkdir()
    subscriptions = [
        {"id": "s-1", "name": "Play", "tenantId": "t-1", "isDefault": True},
        {"id": "s-2", "name": "Work", "tenantId": "t-2", "isDefault": False},
    ]
    file = tmp_path / "azure" / "azureProfile.json"
    file.write_text(json.dumps({"subscriptions": subscriptions}), encoding="utf-8-sig")
    assert read_profile("azure", None) == {"subscription_id": "s-1", "tenant_id": "t-1"}
    assert read_profile("azure", "Work") == {"subscription_id": "s-2", "tenant_id": "t-2"}
