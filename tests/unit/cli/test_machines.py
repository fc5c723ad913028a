"""Machines and money."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import msgspec
import pytest

from kyc.wire import api
from tests import rows
from tests.scripted_master import Answer, Asked, ScriptedMaster, sse
from tests.unit.cli.conftest import Kyc
from tests.unit.cli.test_see import DEPLOYMENT


def test_offers(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("GET", "/offers", [rows.offer(), rows.offer(id="two", gpu="A100", gpu_count=2)])
    done = kyc("offers", "--cpus", "1+", "--on-demand", "--max-price", "0.5", "--sort", "risk")
    assert "A100:2" in done.out
    assert "69%" in done.out
    expected = {"cpus": ["1+"], "spot": ["false"], "max_price": ["0.5"], "sort": ["risk"], "limit": ["50"]}
    assert master.asked[0].query == expected
    assert len(kyc("offers", "--json").json) == 2  # type: ignore[arg-type]


def test_launch_waits_until_it_exists(kyc: Kyc, master: ScriptedMaster) -> None:
    requested = api.DeploymentRow(**{**_as_dict(DEPLOYMENT), "state": "requested"})
    states = iter([[requested], [DEPLOYMENT], [requested], [DEPLOYMENT]])
    master.on("GET", "/events", [])
    master.on("POST", "/deployments", requested)
    master.on("GET", "/deployments", lambda _: next(states))
    master.on("GET", "/instances/i-7kq2x9bd", rows.instance())
    lines = [
        rows.event(1, "deployment.log", "d-22222222", line="Creating..."),
        rows.event(2, "deployment.log", "d-99999999", line="of another"),
        rows.event(3, "deployment.succeeded", "d-22222222"),
    ]
    master.on("GET", "/events/stream", lambda _: Answer(pieces=[sse(*lines)]))
    done = kyc("launch", "--offer", DEPLOYMENT.offer, "-n", 1)
    assert done.code == 0
    assert "Creating..." in done.out
    assert "of another" not in done.out
    assert "small/spot at $0.0123/h applied: i-7kq2x9bd" in done.out
    assert kyc("launch", "--json").json["state"] == "applied"  # type: ignore[index]
    assert kyc("launch", "-d").out.startswith("d-22222222: 1 instance")


WISHES: dict[str, tuple[list[object], object]] = {
    "count": (["-n", 3], 3),
    "cloud": (["--cloud", "aws"], "aws"),
    "region": (["--region", "us-east-1"], "us-east-1"),
    "zone": (["--zone", "use1-az4"], "use1-az4"),
    "type": (["--type", "m5.large"], "m5.large"),
    "spot": (["--on-demand"], False),
    "account": (["--account", "work"], "work"),
    "disk_gib": (["--disk", 80], 80),
    "network": (["--network", "vpc-1"], "vpc-1"),
    "subnet": (["--subnet", "subnet-1"], "subnet-1"),
    "role": (["--role", "work"], "work"),
    "image": (["--image", "ami-1"], "ami-1"),
    "tags": (["--tag", "team=ml", "--tag", "cost=42"], {"team": "ml", "cost": "42"}),
    "max_price_usd_per_hour": (["--max-price", "0.05"], 0.05),
    "on_interruption": (["--on-interruption", "stop"], "stop"),
    "public_address": (["--private"], False),
}


def test_every_wish_reaches_the_master(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("POST", "/deployments", DEPLOYMENT)
    master.on("GET", "/instances/i-7kq2x9bd", rows.instance())
    master.on("GET", "/events", [])
    assert set(WISHES) | {"offer"} == {one.name for one in fields(api.LaunchRequest)}
    assert kyc("launch", "-d", *(part for options, _ in WISHES.values() for part in options)).code == 0
    asked = next(one for one in master.asked if one.method == "POST")
    assert msgspec.json.decode(asked.body) == {"offer": None} | {name: value for name, (_, value) in WISHES.items()}


def test_a_launch_that_fails(kyc: Kyc, master: ScriptedMaster) -> None:
    failed = api.DeploymentRow(**{**_as_dict(DEPLOYMENT), "state": "failed"})
    master.on("GET", "/events", [])
    master.on("POST", "/deployments", failed)
    master.on("GET", "/deployments", [failed])
    master.on("GET", "/instances/i-7kq2x9bd", rows.instance())
    assert kyc("launch").code == 1


def _as_dict(row: api.DeploymentRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


def test_terminate_waits_for_the_end(kyc: Kyc, master: ScriptedMaster) -> None:
    asked_for: list[str] = []

    def terminate(asked: Asked) -> object:
        asked_for.append(asked.path)
        return rows.instance(state="terminating")

    master.on("GET", "/events", [])
    master.on("GET", "/instances", [rows.instance()])
    master.on("POST", "/instances/i-7kq2x9bd/terminate", terminate)
    looks = iter(["terminating", "terminating", "terminated", "terminated", "terminated"])
    master.on("GET", "/instances/i-7kq2x9bd", lambda _: rows.instance(state=next(looks)))
    master.on(
        "GET", "/events/stream", lambda _: Answer(pieces=[sse(rows.event(1, "instance.terminated", "i-7kq2x9bd"))])
    )
    done = kyc("terminate", "--all")
    assert done.out.splitlines()[-1] == "i-7kq2x9bd is terminated"
    assert kyc("terminate", "i-7kq2x9bd", "--json").json[0]["state"] == "terminated"  # type: ignore[index]
    assert len(asked_for) == 2
    assert kyc("terminate", "i-none").code == 3
    master.on("GET", "/instances", [])
    assert "No instances run" in kyc("terminate", "--all").out


def test_terminate_all_asks_at_a_terminal(kyc: Kyc, master: ScriptedMaster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kyc.cli.machines.is_terminal", lambda: True)
    master.on("GET", "/events", [])
    master.on("GET", "/instances", [rows.instance()])
    master.on("POST", "/instances/i-7kq2x9bd/terminate", rows.instance(state="terminating"))
    monkeypatch.setattr("sys.stdin", io.StringIO("\nyes\n"))
    done = kyc("terminate", "--all", "-d")
    assert done.code == 1
    assert "End 1 instance: i-7kq2x9bd? [y/N]" in done.out
    assert kyc("terminate", "--all", "-d").code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert kyc("terminate", "--all", "-d", "--yes").code == 0
    assert kyc("terminate", "--all", "-d", "--json").code == 0
    assert kyc("terminate", "--all", "-d").code == 1


def test_interrupt(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("POST", "/instances/i-7kq2x9bd/interrupt", rows.interrupted())
    assert "notice of 30 s: evicted by the provider" in kyc("interrupt", "i-7kq2x9bd", "--notice", 30).out
    assert kyc("interrupt", "i-7kq2x9bd", "--notice", 30, "--json").json["how"] == "evicted by the provider"  # type: ignore[index]
    master.asked.clear()
    kyc("interrupt", "i-7kq2x9bd", "--notice", 30)
    assert "killed" in kyc("interrupt", "i-7kq2x9bd", "--notice", 0).out
    assert [asked.body for asked in master.asked] == [b'{"notice_s":30.0}', b'{"notice_s":0.0}']
    assert kyc("interrupt", "i-none").code == 3


def test_cost_and_clouds(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("GET", "/cost", rows.cost())
    master.on("GET", "/clouds", [api.CloudRow(name="local", ready=False, message="not now")])
    assert [line.split()[0] for line in kyc("cost").out.splitlines()] == ["WORKLOAD", "train", "total"]
    assert "total" not in kyc("cost", "train").out
    assert "total" in kyc("cost", "train", "--by", "day").out
    assert kyc("cost", "--json").json["total"]["saved_usd"] == 0.03  # type: ignore[index]
    head, row = kyc("cost", "--csv").out.splitlines()
    assert head.startswith("workload,spent_usd,on_demand_usd,saved_usd,")
    assert row.startswith("train,0.010000,0.040000,0.030000,")
    master.on("GET", "/cost", replace(rows.cost(), by="user"))
    assert kyc("cost", "--by", "user", "--csv").out.startswith("user,spent_usd,")
    assert master.asked[-1].query == {"by": ["user"]}
    assert "not now" in kyc("cloud", "list").out
    assert kyc("cloud", "list", "--json").json[0]["ready"] is False  # type: ignore[index]


def test_budgets(kyc: Kyc, master: ScriptedMaster) -> None:
    day = api.BudgetRow(
        scope="day",
        limit_usd=12,
        spent_usd=9.6,
        left_usd=2.4,
        share=0.8,
        per_hour_now_usd=0.3,
        warn_at=0.8,
        stage="warned",
        forecast_usd=11.1,
    )
    master.on("GET", "/budgets", [day])
    master.on("PUT", "/budgets/day", day)
    master.on("DELETE", "/budgets/day", Answer(status=204))
    line = kyc("budget", "list").out.splitlines()[1]
    assert line.split() == ["day", "$12.00", "$9.60", "80%", "$2.40", "$0.3000", "$11.10", "no", "warned"]
    assert kyc("budget", "list", "--json").json[0]["forecast_usd"] == 11.1  # type: ignore[index]
    assert "warned" in kyc("budget", "set", "day", "12 USD").out
    assert kyc("budget", "set", "day", "0").code == 0
    assert kyc("budget", "remove", "day").code == 0
    for wrong in (("set",), ("set", "day"), ("set", "day", "much"), ("remove",)):
        assert kyc("budget", *wrong).code == 2


def _field(name: str, *, env: Sequence[str] = (), secret: bool = False, default: str = "") -> api.AccountField:
    return api.AccountField(
        name=name, title=name, secret=secret, required=True, default=default, help="", env=list(env), file=False
    )


FORM = api.CloudForm(
    cloud="aws",
    title="AWS",
    fields=[
        _field("access_key_id", env=["AWS_ACCESS_KEY_ID"]),
        _field("secret_access_key", env=["AWS_SECRET_ACCESS_KEY"], secret=True),
        _field("region", default="us-east-1"),
    ],
)
RIGHT = api.RightRow(name="ec2:RunInstances", purpose="to buy", granted=False, required=True, problem="Denied")


def _report(*rights: api.RightRow) -> api.AccountReport:
    return api.AccountReport(
        cloud="aws",
        name="default",
        accepted=not rights,
        identity="arn:me",
        rights=list(rights),
        policy="{}",
        warnings=[],
    )


def test_adding_an_account_takes_what_is_in_the_environment_and_in_profiles(
    kyc: Kyc, master: ScriptedMaster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    master.on("GET", "/clouds/forms", [FORM])
    master.on("PUT", "/clouds/aws/accounts/work", _report())
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id = AK\naws_secret_access_key = from-profile\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-environment")
    done = kyc("cloud", "add", "aws", "--name", "work", "--profile", "mine", "--set", "region=eu-west-1")
    assert done.code == 0
    assert "arn:me" in done.out
    assert "from-profile" not in done.out + done.err
    expected = {"access_key_id": "from-environment", "secret_access_key": "from-profile", "region": "eu-west-1"}
    assert msgspec.json.decode(master.asked[-1].body)["values"] == expected
    assert kyc("cloud", "add", "aws", "--profile", "nobody").code == 3


def test_a_missing_field_or_right_is_named(
    kyc: Kyc, master: ScriptedMaster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    master.on("GET", "/clouds/forms", [FORM])
    master.on("PUT", "/clouds/aws/accounts/default", _report(RIGHT))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    lacking = kyc("cloud", "add", "aws", "--set", "access_key_id=AK")
    assert lacking.code == 2
    assert "secret_access_key" in lacking.err
    (tmp_path / "key").write_text("from-file")
    refused = kyc("cloud", "add", "aws", "--set", "access_key_id=AK", "--set", f"secret_access_key=@{tmp_path / 'key'}")
    assert refused.code == 1
    assert "ec2:RunInstances" in refused.out + refused.err
    assert msgspec.json.decode(master.asked[-1].body)["values"]["secret_access_key"] == "from-file"
    assert kyc("cloud", "add", "azzure").code == 3


def test_checking_and_removing_an_account(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("POST", "/clouds/aws/accounts/default/check", _report())
    master.on("DELETE", "/clouds/aws/accounts/default", None)
    assert kyc("cloud", "check", "aws", "--json").json["accepted"] is True  # type: ignore[index]
    assert kyc("cloud", "remove", "aws").code == 0
    assert [asked.method for asked in master.asked] == ["POST", "DELETE"]
