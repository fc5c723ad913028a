"""`make bench-clouds`: how long Terraform takes for 1 and 5 instances on AWS's stand-in, and how much of that is ours.

The real Terraform and the real hashicorp/aws provider work against moto on loopback. `our_share` is the part of a
launch, on ground that is there, in which `terraform apply` was not running: `init`, our own code, reading results.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.aws.stand import Stand, aws_offer, aws_running, terraform_stand
from tests.needs import is_there

from kyc.adapters.system.clock import SystemClock
from kyc.adapters.terraform import run as engine
from kyc.adapters.terraform.process import Job, Limits, OnRaw
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.errors import KycError
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.ports.provisioner import Ground, LogLine

GROUND = Ground(cloud="aws", account="aws:default", region="us-east-1")


class Stopwatch:
    """The wall seconds of each of the engine's commands, by its name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Measure every command that is run meanwhile."""
        run = engine.run

        async def measured(job: Job, limits: Limits, on_raw: OnRaw) -> int:
            begun = time.monotonic()
            try:
                return await run(job, limits, on_raw)
            finally:
                name = next(part for part in job.argv if part in {"init", "plan", "apply", "destroy", "output"})
                self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - begun

        engine.run = measured
        try:
            yield
        finally:
            engine.run = run


async def measure(stand: Stand, count: int) -> dict[str, float]:
    """Plan, launch and destroy so many instances; return the seconds of each."""
    ids = tuple(InstanceId(f"i-bench{number}") for number in range(count))
    wanted = Deployment(
        id=DeploymentId(f"d-bench{count}"),
        offer=aws_offer(),
        instance_ids=ids,
        state=DeploymentState.REQUESTED,
        requested_at=SystemClock().now(),
        account="aws:default",
    )
    scripts = dict.fromkeys(ids, "#!/bin/sh\n")
    planning, launching, ending = Stopwatch(), Stopwatch(), Stopwatch()
    with planning.watching():
        await stand.provisioner.plan(wanted, scripts, silent)
    begun = time.monotonic()
    with launching.watching():
        await stand.provisioner.converge(wanted, scripts, silent)
    total = time.monotonic() - begun
    with ending.watching():
        await stand.provisioner.converge(wanted, {}, silent)
    apply_s = launching.seconds["apply"]
    return {
        "init": round(launching.seconds.get("init", 0.0), 3),
        "plan": round(planning.seconds["plan"], 3),
        "apply": round(apply_s, 3),
        "launch": round(total, 3),
        "destroy": round(ending.seconds["destroy"], 3),
        "our_share": round(1 - apply_s / total, 4),
    }


async def silent(_line: LogLine) -> None:
    """Let it pass."""


async def bench(home: Path) -> dict[str, float]:
    """Return all figures."""
    with aws_running() as aws:
        async with terraform_stand(aws, home) as stand:
            first = Stopwatch()
            begun = time.monotonic()
            with first.watching():
                await stand.provisioner.prepare(GROUND, silent)
            figures = {"ground_s": round(time.monotonic() - begun, 3), "first_init_s": round(first.seconds["init"], 3)}
            for count in (1, 5):
                for name, value in (await measure(stand, count)).items():
                    figures[f"our_share_{count}" if name == "our_share" else f"{name}_s_{count}"] = value
                print(f"{count}: {figures}", flush=True)
            for ground in await stand.provisioner.grounds():
                await stand.provisioner.release(ground, silent)
    figures["our_share"] = max(figures["our_share_1"], figures["our_share_5"])
    figures["cpu_s"] = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, 1)
    return figures


def main() -> int:
    """Run the bench; the last line printed is its result as JSON."""
    if not is_there("aws-provider"):
        print("no Terraform with the provider hashicorp/aws: set TF_CLI_CONFIG_FILE to a mirror's", file=sys.stderr)
        return 1
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures = asyncio.run(bench(Path(folder) / "home"))
    except KycError as error:
        print(f"the bench could not run: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
