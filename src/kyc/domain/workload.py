"""What a person asks to be run: the parsed, checked content of a workload file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from kyc.domain.ids import WorkloadName
from kyc.domain.launch import NO_OPTIONS, LaunchOptions
from kyc.domain.offer import Arch


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A wish such as `4+` (least 4), `4` (exactly 4) or none at all."""

    least: float = 0
    most: float | None = None

    def fits(self, value: float) -> bool:
        """Say whether the value is within the bound."""
        return self.least <= value and (self.most is None or value <= self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What one machine must have. Empty strings and None mean: anything will do.

    `gpu_memory_gib` is of each GPU. Names of GPUs are compared without regard to case.
    """

    cloud: str | None = None
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    vcpus: Bound = field(default_factory=Bound)
    memory_gib: Bound = field(default_factory=Bound)
    gpu: str | None = None
    gpu_count: float = 0
    gpu_memory_gib: Bound = field(default_factory=Bound)
    arch: Arch | None = None
    max_price_usd_per_hour: Decimal | None = None
    use_spot: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A job as asked for. `any_of` holds the alternatives for its machine, one at least, `machine` its other wishes.

    `workdir` is the SHA-256 (hex) of the uploaded archive, None for an empty workdir. `keep` holds paths under
    the workdir that are replicated; `.` is all of it. `progress` is a regular expression with the group `step`
    and perhaps `total`, matched on each line the job prints.
    """

    name: WorkloadName
    run: str
    setup: str = ""
    any_of: tuple[Requirement, ...] = (Requirement(),)
    machine: LaunchOptions = NO_OPTIONS
    workdir: str | None = None
    envs: dict[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = (".",)
    on_interrupt: str = ""
    progress: str = ""
    deadline: timedelta | None = None
    budget_usd: Decimal | None = None
    stop_grace: timedelta = timedelta(seconds=10)
    snapshot_interval: timedelta = timedelta(seconds=2)
    snapshot_bytes_per_s: float = 0
    snapshot_paranoid: bool = False
