"""Google's machine series, kept by hand: how their SKUs are described, and which types they have. Plain data.

Shared-core E2 types are billed by a fraction of a core (0.25, 0.5, 1) with 1, 2 and 4 GiB. Series with local disks in
their price, and N1 with GPUs attached, are not here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kyc.domain.offer import Arch


class Resource(StrEnum):
    """What a SKU prices."""

    CORE = "core"
    RAM = "ram"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Part:
    """A priced thing: a series' core or GiB, or a GPU by name."""

    of: str
    resource: Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineType:
    """A predefined machine type and what it is put together from: (part, how many)."""

    name: str
    vcpus: float
    memory_gib: float
    arch: Arch
    gpu: str | None = None
    gpu_count: int = 0
    gpu_memory_gib: float = 0
    parts: tuple[tuple[Part, Decimal], ...]


# The words before "Instance Core running in" (or "Core running in") by series.
_WORDS = {
    "E2": "e2",
    "N1 Predefined": "n1",
    "N2": "n2",
    "N2D AMD": "n2d",
    "N4": "n4",
    "Compute optimized": "c2",
    "C2D AMD": "c2d",
    "C3": "c3",
    "C3D": "c3d",
    "C4": "c4",
    "C4A Arm": "c4a",
    "T2D AMD": "t2d",
    "T2A Arm": "t2a",
    "A2": "a2",
    "G2": "g2",
}
_GPUS = {"Nvidia Tesla A100 GPU": "A100", "Nvidia Tesla A100 80GB GPU": "A100-80GB", "Nvidia L4 GPU": "L4"}
_CORE_OR_RAM = re.compile(r"(?:Spot Preemptible )?(.+?)(?: Instance)? (Core|Ram) running in .+")
_GPU = re.compile(r"(.+? GPU)(?: attached to Spot Preemptible VMs)? running in .+")

_SMALL, _MIDDLE = (2, 4, 8, 16, 32), (48, 64, 80)
_N2D = (*_SMALL, 48, 64, 80, 96)
_SHAPES: tuple[tuple[str, str, float, tuple[int, ...], Arch], ...] = (
    ("e2", "standard", 4, _SMALL, Arch.X86_64),
    ("e2", "highmem", 8, (2, 4, 8, 16), Arch.X86_64),
    ("e2", "highcpu", 1, _SMALL, Arch.X86_64),
    ("n1", "standard", 3.75, (1, *_SMALL, 64, 96), Arch.X86_64),
    ("n1", "highmem", 6.5, (*_SMALL, 64, 96), Arch.X86_64),
    ("n1", "highcpu", 0.9, (*_SMALL, 64, 96), Arch.X86_64),
    ("n2", "standard", 4, (*_SMALL, *_MIDDLE, 96, 128), Arch.X86_64),
    ("n2", "highmem", 8, (*_SMALL, *_MIDDLE, 96), Arch.X86_64),
    ("n2", "highcpu", 1, (*_SMALL, *_MIDDLE, 96), Arch.X86_64),
    ("n2d", "standard", 4, (*_N2D, 128, 224), Arch.X86_64),
    ("n2d", "highmem", 8, _N2D, Arch.X86_64),
    ("n2d", "highcpu", 1, (*_N2D, 128, 224), Arch.X86_64),
    ("n4", "standard", 4, (*_SMALL, 48, 64, 80), Arch.X86_64),
    ("n4", "highmem", 8, (*_SMALL, 48, 64, 80), Arch.X86_64),
    ("n4", "highcpu", 2, (*_SMALL, 48, 64, 80), Arch.X86_64),
    ("c2", "standard", 4, (4, 8, 16, 30, 60), Arch.X86_64),
    ("c2d", "standard", 4, (2, 4, 8, 16, 32, 56, 112), Arch.X86_64),
    ("c2d", "highmem", 8, (2, 4, 8, 16, 32, 56, 112), Arch.X86_64),
    ("c2d", "highcpu", 2, (2, 4, 8, 16, 32, 56, 112), Arch.X86_64),
    ("c3", "standard", 4, (4, 8, 22, 44, 88, 176), Arch.X86_64),
    ("c3", "highmem", 8, (4, 8, 22, 44, 88, 176), Arch.X86_64),
    ("c3", "highcpu", 2, (4, 8, 22, 44, 88, 176), Arch.X86_64),
    ("c3d", "standard", 4, (4, 8, 16, 30, 60, 90, 180, 360), Arch.X86_64),
    ("c3d", "highmem", 8, (4, 8, 16, 30, 60, 90, 180, 360), Arch.X86_64),
    ("t2d", "standard", 4, (1, 2, 4, 8, 16, 32, 48, 60), Arch.X86_64),
    ("t2a", "standard", 4, (1, 2, 4, 8, 16, 32, 48), Arch.ARM64),
    ("c4a", "standard", 4, (1, 2, 4, 8, 16, 32, 48, 64, 72), Arch.ARM64),
    ("c4a", "highmem", 8, (1, 2, 4, 8, 16, 32, 48, 64, 72), Arch.ARM64),
    ("c4a", "highcpu", 2, (1, 2, 4, 8, 16, 32, 48, 64, 72), Arch.ARM64),
)
_SHARED = (("e2-micro", "0.25", 1), ("e2-small", "0.5", 2), ("e2-medium", "1", 4))
# name, vCPUs, GiB, GPU, how many, GiB of each
_WITH_GPU = (
    *((f"a2-highgpu-{n}g", 12 * n, 85 * n, "A100", n, 40) for n in (1, 2, 4, 8)),
    ("a2-megagpu-16g", 96, 1360, "A100", 16, 40),
    *((f"a2-ultragpu-{n}g", 12 * n, 170 * n, "A100-80GB", n, 80) for n in (1, 2, 4, 8)),
    *((f"g2-standard-{v}", v, 4 * v, "L4", 1, 24) for v in (4, 8, 12, 16, 32)),
    *((f"g2-standard-{12 * n}", 12 * n, 48 * n, "L4", n, 24) for n in (2, 4, 8)),
)  # fmt: skip


def part_of(description: str) -> Part | None:
    """Return what a SKU of this description prices; None for custom, committed, sole-tenant and unknown ones."""
    match = _CORE_OR_RAM.fullmatch(description)
    if match is not None:
        series = _WORDS.get(match[1])
        return None if series is None else Part(series, Resource(match[2].lower()))
    match = _GPU.fullmatch(description)
    name = _GPUS.get(match[1]) if match else None
    return None if name is None else Part(name, Resource.GPU)


def machine_types() -> Iterator[MachineType]:
    """Yield every machine type of the table."""
    for series, kind, gib_per_vcpu, sizes, arch in _SHAPES:
        for size in sizes:
            memory = Decimal(str(gib_per_vcpu)) * size
            parts = _core_and_ram(series, Decimal(size), memory)
            name = f"{series}-{kind}-{size}"
            yield MachineType(name=name, vcpus=size, memory_gib=float(memory), arch=arch, parts=parts)
    for name, cores, gib in _SHARED:
        parts = _core_and_ram("e2", Decimal(cores), Decimal(gib))
        yield MachineType(name=name, vcpus=float(cores), memory_gib=gib, arch=Arch.X86_64, parts=parts)
    for name, vcpus, gib, gpu, count, gpu_gib in _WITH_GPU:
        base = _core_and_ram(name.partition("-")[0], Decimal(vcpus), Decimal(gib))
        yield MachineType(
            name=name,
            vcpus=vcpus,
            memory_gib=gib,
            arch=Arch.X86_64,
            gpu=gpu,
            gpu_count=count,
            gpu_memory_gib=gpu_gib,
            parts=(*base, (Part(gpu, Resource.GPU), Decimal(count))),
        )


def _core_and_ram(series: str, cores: Decimal, gib: Decimal) -> tuple[tuple[Part, Decimal], ...]:
    return ((Part(series, Resource.CORE), cores), (Part(series, Resource.RAM), gib))
