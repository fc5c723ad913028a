"""The modules of Google Cloud and Azure under the real Terraform and OpenTofu, over providers of the true schemas.

The engine itself holds each resource, block, argument, type and count against the schema; what it hands to the provider
is compared with tests/golden. `KYC_GOLDEN=write` writes those files anew: read the difference before it is kept.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.domain.errors import KycError
from kyc.domain.launch import LaunchOptions, OnInterruption
from kyc.domain.offer import Arch, Offer, Purchase
from tests.needs import need
from tests.terraform.stand import SECRET, Stand, deployment, standing

GOLDEN = Path(__file__).parents[1] / "golden"
ADAPTERS = Path(__file__).parents[2] / "src" / "kyc" / "adapters"
GCP = replace(fake_offer(cloud="gcp", zone="europe-west1-b", instance_type="e2-standard-2"), region="europe-west1")
GCP_GPU = replace(
    fake_offer(cloud="gcp", zone="us-east1-c", instance_type="n1-standard-4", purchase=Purchase.ON_DEMAND),
    region="us-east1",
    gpu="T4",
    gpu_count=2,
)
AZURE = replace(fake_offer(cloud="azure", zone="westeurope-2", instance_type="Standard_D2s_v5"), region="westeurope")
AZURE_ARM = replace(
    fake_offer(cloud="azure", zone="", instance_type="Standard_D2ps_v5"), region="westeurope", arch=Arch.ARM64
)
_NETWORK = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n"
# (name, offer, wishes): the first of each cloud asks for nothing, the second for all that a person can ask for.
CASES: list[tuple[str, Offer, LaunchOptions]] = [
    ("gcp-spot", GCP, LaunchOptions()),
    (
        "gcp-wishes",
        GCP_GPU,
        LaunchOptions(
            disk_gib=100,
            network="office",
            subnet="projects/p/regions/us-east1/subnetworks/lab",
            role="work@p.iam.gserviceaccount.com",
            image="projects/p/global/images/mine",
            tags={"team": "ml"},
            max_price_usd_per_hour=Decimal("0.5"),
            on_interruption=OnInterruption.STOP,
            public_address=False,
        ),
    ),
    ("azure-spot", AZURE, LaunchOptions()),
    (
        "azure-wishes",
        AZURE_ARM,
        LaunchOptions(
            disk_gib=100,
            network=_NETWORK,
            subnet="lab",
            role="/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/work",
            image="Canonical:ubuntu-24_04-lts:server-arm64:24.04.202610010",
            tags={"team": "ml"},
            max_price_usd_per_hour=Decimal("0.05"),
            on_interruption=OnInterruption.STOP,
            public_address=False,
        ),
    ),
    (
        "azure-on-demand",
        replace(AZURE, purchase=Purchase.ON_DEMAND),
        LaunchOptions(image="/subscriptions/s/images/mine"),
    ),
]
BY_NAME: dict[str, tuple[Offer, LaunchOptions]] = {name: (offer, options) for name, offer, options in CASES}


@pytest.fixture(params=["terraform", "tofu"])
def engine(request: pytest.FixtureRequest) -> str:
    need("schemas")
    name = str(request.param)
    if name == "terraform":
        need(name)
    elif shutil.which(name) is None:
        pytest.skip(f"no {name} on the PATH")
    return name


@pytest.fixture(params=["gcp", "azure"])
async def stand(request: pytest.FixtureRequest, tmp_path: Path, engine: str) -> AsyncIterator[Stand]:
    async with standing(str(request.param), tmp_path, engine) as opened:
        yield opened


def usual(stand: Stand) -> Offer:
    return GCP if stand.cloud == "gcp" else AZURE


def names(told: list[dict[str, Any]], what: str) -> list[str]:
    """What was made or destroyed, as `type name`."""
    return sorted(
        f"{one[what]} {one['name'] if what == 'destroyed' else one['with'].get('name')}" for one in told if what in one
    )


@pytest.mark.parametrize("case", BY_NAME)
async def test_what_reaches_the_provider_is_what_was_meant(case: str, engine: str, tmp_path: Path) -> None:
    offer, options = BY_NAME[case]
    async with standing(offer.cloud, tmp_path, engine) as stand:
        made = await stand.converge(deployment(offer, "i-1", options=options), "i-1")
        told = sorted(stand.told(), key=lambda one: (one["made"], str(one["with"].get("name"))))
        assert list(made) == ["i-1"]
    golden = GOLDEN / f"{case}.json"
    if os.environ.get("KYC_GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(json.dumps(told, indent=2) + "\n")
    assert told == json.loads(golden.read_text())


async def test_instances_come_and_go_one_by_one_and_are_never_edited(stand: Stand) -> None:
    both = deployment(usual(stand), "i-1", "i-2")
    made = await stand.converge(both, "i-1", "i-2")
    assert set(made) == {"i-1", "i-2"}
    stand.told()
    kept = await stand.converge(both, "i-2", user_data="#!/bin/sh\n# a master at another address\n")
    assert kept == {"i-2": made["i-2"]}  # type: ignore[comparison-overlap]
    told = stand.told()
    assert names(told, "made") == []
    assert {name.split(" ")[1] for name in names(told, "destroyed")} == {"kyc-i-1"}
    await stand.converge(both)
    assert {name.split(" ")[1] for name in names(stand.told(), "destroyed")} == {"kyc-i-2"}


async def test_what_is_shared_is_made_once_and_taken_away_last(stand: Stand) -> None:
    first = deployment(usual(stand), "i-1")
    await stand.converge(first, "i-1")
    shared = [one for one in names(stand.told(), "made") if "kyc-i-" not in one]
    assert shared
    second = replace(first, id="d-2", instance_ids=("i-2",))  # type: ignore[arg-type]
    await stand.converge(second, "i-2")
    assert all("kyc-i-2" in one for one in names(stand.told(), "made"))
    for one in (first, second):
        await stand.converge(one)
    assert all("kyc-i-" in one for one in names(stand.told(), "destroyed"))
    [ground] = await stand.provisioner.grounds()
    await stand.provisioner.release(ground, stand.on_line)
    assert names(stand.told(), "destroyed") == shared


async def test_credentials_are_in_no_file_and_no_line_and_user_data_is_in_no_line(stand: Stand) -> None:
    await stand.converge(deployment(usual(stand), "i-1"), "i-1")
    said = "\n".join(stand.lines)
    files = {path: path.read_bytes() for path in stand.home.rglob("*") if path.is_file()}
    assert said
    assert SECRET not in said
    assert [path for path, content in files.items() if SECRET.encode() in content] == []
    assert "planted-user-data" not in said
    logs = [path for path in files if path.suffix == ".log"]
    assert logs
    assert [path for path in logs if b"planted-user-data" in files[path]] == []


async def test_what_the_schema_does_not_have_is_refused(stand: Stand, tmp_path: Path) -> None:
    folder = tmp_path / "wrong"
    shutil.copytree(stand.module.folder, folder)
    main = folder / "main.tf"
    main.write_text(main.read_text().replace("lifecycle {", 'made_up = "x"\n  lifecycle {'))
    wrong = replace(stand.module, folder=folder)
    stand.provisioner.modules = {stand.cloud: wrong}
    with pytest.raises(KycError, match="made_up"):
        await stand.converge(deployment(usual(stand), "i-1"), "i-1")


@pytest.mark.parametrize("module", ["gcp/instance", "gcp/shared", "azure/instance", "azure/shared"])
def test_modules_are_formatted(module: str, engine: str) -> None:
    argv = [engine, "fmt", "-check", "-diff", str(ADAPTERS / module)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("module", ["gcp/instance", "gcp/shared", "azure/instance", "azure/shared"])
def test_providers_are_told_nothing_by_text(module: str) -> None:
    text = "".join(path.read_text() for path in sorted((ADAPTERS / module).glob("*.tf")))
    block = text[text.index('\nprovider "') :]
    arguments = block[: block.index("\n}")]
    for word in ("credentials", "access_token", "endpoint", "client_secret", "tenant_id", "subscription_id", "project"):
        assert f"{word} " not in arguments
        assert f"{word}=" not in arguments
