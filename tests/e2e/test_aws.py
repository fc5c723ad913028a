"""A whole master with an AWS account: real Terraform and provider, moto for AWS, agents as processes right here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kyc.wire.api import InstanceRow
from tests.aws.boot import booting
from tests.aws.stand import Aws, aws_running
from tests.e2e.conftest import Kyc, living
from tests.e2e.processes import kill, master_pid
from tests.needs import need

KEY_ID, SECRET = "AKIAPLANTED7KEY7ID77", "pLaNtEd/SeCrEt+7f3a9b1c2d4e5f60718293a4b"
TABLE = """cloud,region,zone,instance_type,arch,vcpus,memory_gib,on_demand_usd_h,spot_usd_h,as_of
aws,us-east-1,use1-az4,m5.large,x86_64,2,8,0.096,0.0011,2026-11-20
aws,us-west-2,usw2-az1,m5.large,x86_64,2,8,0.096,0.0012,2026-11-20
"""
JOB = """
name: count
resources:
  any_of: [{cloud: aws}, {cloud: local}]
run: |
  mkdir -p out
  echo "$KYC_ATTEMPT" >> out/attempts
  n=$(wc -l < out/steps 2>/dev/null || echo 0)
  left=20
  while [ $left -gt 0 ]; do
    sleep 0.2; n=$((n+1)); echo "$n $KYC_ATTEMPT" >> out/steps; echo "step $n"
    [ $(wc -l < out/attempts) -lt 3 ] || left=$((left-1))
  done
keep: [out/]
progress: 'step (?P<step>\\d+)'
snapshot_interval: 0.5s
"""
FIS_ROLE = "arn:aws:iam::123456789012:role/interrupt"
PATIENT_S = 600.0  # Terraform's provider takes some seconds of a free machine to start, each time
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    need("aws-provider")
    with aws_running() as running:
        yield running


@pytest.fixture
def kyc(aws: Aws, tmp_path: Path) -> Iterator[Kyc]:
    aws.reset()
    with living(tmp_path / "home", env={"KYC_PRICE_FEEDS": "off"}) as made:
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "prices.csv").write_text(TABLE)
        made.run("catalog", "import", str(tmp_path / "prices.csv"))
        yield made


def add_account(kyc: Kyc, aws: Aws, folder: Path) -> None:
    fields = (f"access_key_id={KEY_ID}", f"secret_access_key=@{folder / 'secret'}", f"endpoint={aws.url}")
    fields = (*fields, f"fis_role={FIS_ROLE}")
    options = [part for field in fields for part in ("--set", field)]
    added = json.loads(kyc.run("cloud", "add", "aws", *options, "--json", timeout_s=PATIENT_S).stdout)
    assert added["accepted"]
    assert added["identity"].startswith("arn:")
    aws.forget_faults()  # and the calls of the check: it asks for a dry run of everything


def test_a_killed_master_leaves_nothing_unknown_and_no_secret_anywhere(kyc: Kyc, aws: Aws, tmp_path: Path) -> None:
    add_account(kyc, aws, tmp_path)
    plan = json.loads(kyc.run("launch", "--plan", "--cloud", "aws", "--json", timeout_s=PATIENT_S).stdout)
    assert [row["address"].split("[")[0] for row in plan["resources"] if not row["shared"]] == ["aws_instance.this"]
    assert plan["total_usd_per_hour"] == 0.0011
    assert aws.calls("RunInstances") == 0
    kyc.run("launch", "--cloud", "aws", "--detach")
    kyc.eventually("an instance at AWS", lambda: aws.running() or None, timeout_s=PATIENT_S)
    handed_over = environments(kyc.home, engines=True)
    assert any(SECRET.encode() in one for one in handed_over)  # that is how the provider gets it: by nothing else
    kill(master_pid(kyc.home) or 0)
    kyc.up()
    [there] = kyc.eventually("the record", lambda: recorded(kyc), timeout_s=PATIENT_S)
    assert set(aws.running()) == {there.provider_id}
    sweep = json.loads(kyc.run("sweep", "--json", timeout_s=PATIENT_S).stdout)
    assert (sweep["seen"], sweep["orphans"], sweep["silent"]) == (1, [], {})
    kyc.run("export", "tf", str(tmp_path / "out"))
    exported = {path.name for path in (tmp_path / "out").rglob("*")}
    assert {"main.tf", "terraform.tfstate", "terraform.tfvars.json"} <= exported
    assert not any(SECRET.encode() in one for one in environments(kyc.home, engines=False))
    log = kyc.run("logs", f"deployment/{there.deployment}").stdout
    assert "aws_instance.this" in log
    kyc.run("terminate", there.id, timeout_s=PATIENT_S)
    assert aws.running() == {}
    told = [*kyc.client.events(after=0, limit=1000), *kyc.client.clouds(), *kyc.client.deployments()]
    for secret in (SECRET, KEY_ID):
        assert secret not in str(told) + log
        assert found_in(kyc.home, secret) == found_in(tmp_path / "out", secret) == []


def test_a_job_moves_to_another_region_and_home(
    kyc: Kyc, aws: Aws, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    add_account(kyc, aws, tmp_path)
    (tmp_path / "job.yaml").write_text(JOB)
    with booting(aws, tmp_path / "machines", "us-east-1", "us-west-2"):
        name = kyc.client.run_job(tmp_path / "job.yaml").name
        places = []
        for number in (1, 2):
            one = kyc.eventually(f"attempt {number}", lambda n=number: working(kyc, name, n), timeout_s=PATIENT_S)
            places.append((one.cloud, one.region))
            told = kyc.run("interrupt", one.id, "--notice", "120", timeout_s=PATIENT_S).stdout
            assert "interrupted by AWS's Fault Injection Service" in told
        row = kyc.client.wait(name, timeout_s=PATIENT_S)
        assert row.state == "succeeded"
        attempted = [one.instance for one in kyc.client.workload(name).attempts]
        assert kyc.client.instance(attempted[-1]).cloud == "local"
        assert {place[1] for place in places} == {"us-east-1", "us-west-2"}
        kyc.eventually("the end at AWS", lambda: True if not aws.running() else None, timeout_s=PATIENT_S)
    kyc.run("restore", name, "--to", str(tmp_path / "back"))
    steps = [line.split() for line in (tmp_path / "back" / "out" / "steps").read_text().splitlines()]
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))  # nothing lost, nothing twice
    attempts = [attempt for _, attempt in steps]
    assert attempts == sorted(attempts, key=lambda one: int(one.rsplit(".")[-1]))  # one at a time
    assert len(set(attempts)) == 3
    shown = json.loads(kyc.run("show", name, "--json").stdout)["recoveries"]
    assert [(one["noticed"], one["instance"]) for one in shown] == [(True, one) for one in attempted[:2]]
    resumed = kyc.client.events(after=0, limit=10_000, kinds=["job.resumed"])
    times = [one["to_resumed_s"] for one in shown]
    assert times == pytest.approx([event.data["recovery_s"] for event in resumed], abs=0.01)
    assert "after the interruption" in kyc.run("why", name).stdout
    record_property("rto_s", times)


def recorded(kyc: Kyc) -> list[InstanceRow] | None:
    rows = [row for row in kyc.client.instances() if row.state == "booting" and row.provider_id]
    return rows or None


def working(kyc: Kyc, name: str, number: int) -> InstanceRow | None:
    attempts = kyc.client.workload(name).attempts
    if len(attempts) < number or attempts[-1].state != "running" or not (kyc.client.workload(name).row.step or 0):
        return None
    row = kyc.client.instance(attempts[-1].instance)
    alone = sum(one.state == "running" for one in attempts) == 1
    return row if row.state == "ready" and row.provider_id and alone else None  # its agent may come before its id


def environments(home: Path, *, engines: bool) -> list[bytes]:
    """Return the environments of the processes of this home: those of Terraform and its plug-ins, or all others."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        try:
            environ = Path(f"/proc/{process.pid}/environ").read_bytes()
            inside = str(home) in line or str(home).encode() in environ or str(home) in process.cwd()
        except (OSError, psutil.Error):
            continue
        is_engine = "terraform" in line.split(" ", maxsplit=1)[0]
        if inside and is_engine == engines:
            found.append(environ)
    return found


def found_in(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
