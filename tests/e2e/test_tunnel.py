"""A master without a public address, as a process, and an instance of a cloud that only SSH reaches.

The instance is moto's, bought by the real Terraform; what stands for it has a network and a loopback of its own and a
real sshd. Nothing there but the tunnel leads to the master and its stream.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kyc.wire.api import WorkloadRow
from tests.aws.box import Box, box, cut
from tests.aws.stand import Aws, aws_running
from tests.e2e.conftest import Kyc, living
from tests.e2e.test_aws import PATIENT_S, SECRET, TABLE, add_account
from tests.needs import need

JOB = """
name: count
resources: {cloud: aws}
run: |
  mkdir -p out
  for n in $(seq 1 60); do echo "$n" >> out/steps; echo "step $n"; sleep 0.2; done
keep: [out/]
progress: 'step (?P<step>\\d+)'
snapshot_interval: 0.5s
"""
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def aws() -> Iterator[Aws]:
    need("aws-provider")
    need("sshd")
    need("root")
    with aws_running() as running:
        yield running


@pytest.fixture
def kyc(aws: Aws, tmp_path: Path) -> Iterator[Kyc]:
    with living(tmp_path / "home", env={"KYC_PRICE_FEEDS": "off"}) as made:
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "prices.csv").write_text(TABLE)
        made.run("catalog", "import", str(tmp_path / "prices.csv"))
        add_account(made, aws, tmp_path)
        yield made


def boot(machine: Box, aws: Aws, raw: Mapping[str, Any]) -> Any:
    """Do what cloud-init does: the key pair's key for `ubuntu`, then the user data; return the sshd."""
    ec2 = aws.client()
    [pair] = ec2.describe_key_pairs(KeyNames=[raw["KeyName"]], IncludePublicKey=True)["KeyPairs"]
    data = ec2.describe_instance_attribute(InstanceId=raw["InstanceId"], Attribute="userData")["UserData"]["Value"]
    script = machine.folder / "user-data"
    script.write_bytes(base64.b64decode(data))
    script.chmod(0o700)
    server = machine.sshd("ubuntu", pair["PublicKey"])
    env = {"PATH": os.environ["PATH"], "HOME": str(machine.folder), "KYC_ROOT": str(machine.folder)}
    machine.run(str(script), env=env | {"KYC_METADATA_URL": "http://127.0.0.1:9"})
    return server


def test_a_job_runs_where_only_the_tunnel_leads_and_outlives_its_cut(kyc: Kyc, aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    name = kyc.client.run_job(tmp_path / "job.yaml").name
    [(provider_id, raw)] = kyc.eventually("an instance", lambda: [*aws.running().items()] or None, timeout_s=PATIENT_S)
    with box(tmp_path / "machine", raw["PublicIpAddress"]) as machine:
        sshd = boot(machine, aws, raw)

        def at_step(least: int) -> WorkloadRow | None:
            row = kyc.client.workload(name).row
            return row if (row.step or 0) >= least or row.state == "succeeded" else None

        row = kyc.eventually("work at the other end", lambda: at_step(3), timeout_s=PATIENT_S)
        assert row.state == "running"
        assert cut(sshd) > 0
        row = kyc.client.wait(name, timeout_s=PATIENT_S)
        assert (row.state, row.attempt, row.interruptions) == ("succeeded", 1, 0)
        [attempt] = kyc.client.workload(name).attempts
        assert kyc.client.instance(attempt.instance).provider_id == provider_id
        kyc.eventually("the end at AWS", lambda: True if not aws.running() else None, timeout_s=PATIENT_S)
    kyc.run("restore", name, "--to", str(tmp_path / "back"))
    assert (tmp_path / "back" / "out" / "steps").read_text().split() == [str(n) for n in range(1, 61)]
    log = (kyc.home / "logs" / "master.log").read_text()
    assert log.count("tunnel_opened") >= 2
