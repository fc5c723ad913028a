"""AWS for the tests, in a process of its own, and an account there; the real Terraform with the real AWS provider."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from kyc.adapters.aws.provider import AwsProvider
from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.terraform.engine import engine_environment, find_engine
from kyc.adapters.terraform.process import Limits
from kyc.adapters.terraform.provisioner import TerraformProvisioner
from kyc.domain.ids import AccountId
from kyc.domain.offer import Offer, Purchase
from kyc.ports.account import Account, OpenCloud

MASTER = "m1"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMMDr2coQ9X1ACLcNf1hzQBLJS/LD77cIqHqQVcDSnCv kyc"
KEY_ID, SECRET = "AKIAPLANTEDKEYID0001", "planted/secret+access/key/0001"
LIMITS = Limits(command_s=300, grace_s=30)


@dataclass
class Aws:
    """The process: its address, what it was asked, what it is to fail at."""

    url: str
    _process: Popen[bytes] = field(repr=False)

    def fail(
        self, action: str, code: str, *, status: int = 400, times: int = 1, where: str = "", message: str = ""
    ) -> None:
        """Have the next calls of an action fail as EC2 does."""
        fault = {"action": action, "code": code, "status": status, "times": times, "where": where}
        self._post("/test/faults", {**fault, "message": message or code})

    def reset(self) -> None:
        """Forget everything that was made, asked and to be failed at."""
        self._post("/moto-api/reset", None)
        self._post("/test/faults", None)

    @contextmanager
    def checking_credentials(self) -> Iterator[None]:
        """Hold keys and rights against IAM, which is not done otherwise."""
        self._send("/moto-api/reset-auth", b"0")
        try:
            yield
        finally:
            self._send("/moto-api/reset-auth", b"inf")

    def forget_faults(self) -> None:
        """Fail at nothing any more, and count calls from now on."""
        self._post("/test/faults", None)

    def calls(self, action: str) -> int:
        """Return how often an action was asked for since the faults were forgotten or the last reset."""
        return len(self.requests(action))

    def requests(self, action: str) -> list[dict[str, str]]:
        """Return what an action was asked with each time, as EC2's own parameters."""
        with urllib.request.urlopen(f"{self.url}/test/calls", timeout=30) as answer:
            return [call["form"] for call in json.load(answer) if call["action"] == action]

    def experiments(self) -> list[dict[str, str]]:
        """Return what the Fault Injection Service was told to begin."""
        with urllib.request.urlopen(f"{self.url}/test/experiments", timeout=30) as answer:
            return list(json.load(answer))

    def client(self, service: str = "ec2", region: str = "us-east-1") -> Any:
        """Return boto3's client, as the tests' own eyes."""
        import boto3  # noqa: PLC0415  # half a second, for these tests alone

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id="eyes",
            aws_secret_access_key="eyes",
        )

    def running(self, *regions: str) -> dict[str, Mapping[str, Any]]:
        """Return what runs and bills, by provider id."""
        found: dict[str, Mapping[str, Any]] = {}
        for region in regions or ("us-east-1", "us-west-2"):
            for group in self.client(region=region).describe_instances()["Reservations"]:
                for one in group["Instances"]:
                    if one["State"]["Name"] in {"pending", "running"}:
                        found[one["InstanceId"]] = one
        return found

    def _post(self, path: str, body: object) -> None:
        self._send(path, json.dumps(body).encode())

    def _send(self, path: str, body: bytes) -> None:
        kind = {"Content-Type": "application/octet-stream"}  # else what is sent is taken for a form
        request = urllib.request.Request(f"{self.url}{path}", body, kind, method="POST")
        urllib.request.urlopen(request, timeout=60).close()


@contextmanager
def aws_running() -> Iterator[Aws]:
    """Run the process."""
    argv = [sys.executable, "-m", "tests.aws.moto_server"]
    process = Popen(argv, stdout=PIPE, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        yield Aws(json.loads(process.stdout.readline())["url"], process)
    finally:
        process.terminate()
        process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()


def account_at(url: str, **more: str) -> Account:
    """Return an account whose AWS is at the address."""
    secrets = {"access_key_id": KEY_ID, "secret_access_key": SECRET}
    return Account(
        id=AccountId("aws:default"), settings={"region": "us-east-1", "endpoint": url, **more}, secrets=secrets
    )


def provider(regions: Sequence[str] = ()) -> AwsProvider:
    """Return the provider of a master that has something in the regions."""

    async def in_use(_account: str) -> frozenset[str]:
        return frozenset(regions)

    return AwsProvider(master_id=MASTER, public_key=lambda: PUBLIC_KEY, admit_ssh=True, regions=in_use)


@dataclass
class Stand:
    """An account in use: its cloud, and the real Terraform with the real provider."""

    aws: Aws
    opened: OpenCloud
    provisioner: TerraformProvisioner


@asynccontextmanager
async def terraform_stand(aws: Aws, home: Path, *, regions: Sequence[str] = ()) -> AsyncIterator[Stand]:
    """Open one whose workspaces lie in `home`; the plug-in cache is the session's."""
    opened = provider(regions).open(account_at(aws.url))
    provisioner = TerraformProvisioner(
        engine=find_engine("terraform"),
        root=home / "terraform",
        modules={},
        env=engine_environment(os.environ, plugin_cache=home.parent / "plugins"),
        limits=LIMITS,
        accounts=lambda _cloud, _account: opened.module,
    )
    yield Stand(aws, opened, provisioner)
    await asyncio.sleep(0)


def aws_offer(
    *, zone: str = "use1-az4", region: str = "us-east-1", price: str = "0.03", spot: bool = True, **more: Any
) -> Offer:
    """Return an offer as the catalog has it."""
    purchase = Purchase.SPOT if spot else Purchase.ON_DEMAND
    offer = fake_offer(cloud="aws", zone=zone, instance_type="m5.large", price=price, purchase=purchase)
    return replace(offer, region=region, **more)


def usd(text: str) -> Decimal:
    """Return an amount."""
    return Decimal(text)
