"""The `resources` of a workload file, SkyPilot's way, as the alternatives a machine may be chosen from.

`any_of` and `ordered` overlay the keys beside them; several accelerators multiply the alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from kyc.domain.errors import InvalidInputError
from kyc.domain.offer import Arch
from kyc.domain.workload import Bound, Requirement
from kyc.wire.machine import WISHES
from kyc.wire.quantity import bound, memory_gib, money_usd
from kyc.wire.section import Section, refuse_unknown, section_of

MAX_ALTERNATIVES = 100
_PLACE = ("cloud", "region", "zone")
_GPU_KEYS = ("accelerators", "gpus")
SUPPORTED = frozenset(
    {
        "infra",
        *_PLACE,
        *_GPU_KEYS,
        "instance_type",
        "cpus",
        "memory",
        "use_spot",
        "arch",
        "max_price",
        "max_hourly_cost",
    }
)
CHOICES = frozenset({"any_of", "ordered"})
SKYPILOT_ONLY = frozenset(
    {
        "accelerator_args", "autostop", "disk_tier", "ephemeral_storage", "hooks", "job_recovery", "local_disk",
        "network_tier", "ports", "priority", "priority_class", "spot_recovery", "volumes", "_docker_login_config",
        "_is_image_managed", "_requires_fuse", "_cluster_config_overrides", "_no_missing_accel_warnings",
    }
)  # fmt: skip
_GPU = re.compile(r"([A-Za-z][-A-Za-z0-9_ ]*)(?::([0-9]{1,4}(?:\.[0-9]{1,4})?))?")
_GPU_MEMORY = re.compile(r"([0-9]{1,5})(?:gb)?(\+)?(?::([0-9]{1,4}))?", re.IGNORECASE)
_ARCHS = {"x86_64": Arch.X86_64, "amd64": Arch.X86_64, "arm64": Arch.ARM64, "aarch64": Arch.ARM64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """An accelerator wish; `name` None: any. SkyPilot's `16GB+` asks by memory."""

    name: str | None = None
    count: float = 0
    memory_gib: Bound = field(default_factory=Bound)


def parse_resources(value: object, path: str = "resources") -> tuple[tuple[Requirement, ...], list[str]]:
    """Return the alternatives (one at least, the file's order) and warnings; raise InvalidInputError."""
    base = section_of({} if value is None else value, path)
    refuse_unknown(base, SUPPORTED | WISHES | SKYPILOT_ONLY | CHOICES)
    warnings = _ignored(base)
    base = _spread(base)
    found: list[Requirement] = []
    for section in _alternatives(base, warnings):
        found += _requirements(section, warnings)
    if len(found) > MAX_ALTERNATIVES:
        raise InvalidInputError(
            f"{path}: {len(found)} alternatives are more than {MAX_ALTERNATIVES}", next_step="Name fewer of them."
        )
    return tuple(dict.fromkeys(found)), list(dict.fromkeys(warnings))


def _alternatives(base: Section, warnings: list[str]) -> list[Section]:
    named = [key for key in ("any_of", "ordered") if base.get(key) is not None]
    if not named:
        return [base]
    if len(named) == 2:
        raise base.wrong("ordered", "given beside any_of", next_step="Use one of the two.")
    key = named[0]
    choices = base.get(key)
    if not isinstance(choices, list) or not choices:
        raise base.wrong(key, "not a list of alternatives", next_step=f"Write `{key}:` and a `- ` line for each.")
    if key == "ordered":
        warnings.append(f"{base.place(key)}: taken as any_of; the best offer is chosen, not the first")
    sections = []
    for number, choice in enumerate(choices):
        section = section_of({} if choice is None else choice, f"{base.place(key)}[{number}]")
        refuse_unknown(section, SUPPORTED | WISHES | SKYPILOT_ONLY)
        warnings += _ignored(section)
        warnings += [
            f"{section.place(name)}: it holds for all alternatives or none, so it has no effect here"
            for name in sorted(WISHES & section.values.keys())
        ]
        sections.append(Section(values=_overlaid(base.values, _spread(section).values), path=section.path))
    return sections


def _overlaid(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Return the base's keys with the alternative's over them; a new place or accelerator replaces all of the old."""
    gone = set(CHOICES)
    if "cloud" in over:
        gone.update(_PLACE)
    if "region" in over:
        gone.add("zone")
    if any(key in over for key in _GPU_KEYS):
        gone.update(_GPU_KEYS)
    return {**{key: value for key, value in base.items() if key not in gone}, **over}


def _ignored(section: Section) -> list[str]:
    return [
        f"{section.place(key)}: not supported here, so it has no effect"
        for key, value in section.values.items()
        if key in SKYPILOT_ONLY and value is not None
    ]


def _requirements(section: Section, warnings: list[str]) -> list[Requirement]:
    cloud = _place(section, "cloud")
    arch = section.text("arch").lower()
    if arch and arch not in _ARCHS:
        raise section.wrong("arch", "neither x86_64 nor arm64")
    price_key = "max_hourly_cost" if section.get("max_price") is None else "max_price"
    most: Decimal | None = section.parsed(price_key, money_usd, None)
    any_amount = Bound()
    return [
        Requirement(
            cloud=cloud.lower() if cloud else None,
            region=_place(section, "region"),
            zone=_place(section, "zone"),
            instance_type=section.text("instance_type") or None,
            vcpus=section.parsed("cpus", bound, any_amount),
            memory_gib=section.parsed("memory", memory_gib, any_amount),
            gpu=gpu.name,
            gpu_count=gpu.count,
            gpu_memory_gib=gpu.memory_gib,
            arch=_ARCHS.get(arch),
            max_price_usd_per_hour=most,
            use_spot=section.flag("use_spot", True),
        )
        for gpu in _gpus(section, warnings)
    ]


def _spread(section: Section) -> Section:
    """Return the section with `infra` (`aws/us-east-1/us-east-1a`, `*` for any) as cloud, region and zone."""
    infra = section.text("infra").strip()
    if not infra:
        return section
    if any(section.get(key) is not None for key in _PLACE):
        raise section.wrong("infra", "given beside cloud, region or zone", next_step="Use `infra` or those, not both.")
    named = infra.split("/")
    if named[0].lower() in {"k8s", "kubernetes", "ssh", "slurm"}:  # what follows is a context and may hold '/'
        named = [named[0], "/".join(named[1:])]
    if len(named) > len(_PLACE):
        raise section.wrong("infra", "not of the form cloud/region/zone")
    rest = {key: value for key, value in section.values.items() if key != "infra"}
    return Section(values={**rest, **dict(zip(_PLACE, named, strict=False))}, path=section.path)


def _place(section: Section, key: str) -> str | None:
    """Return where it must be, None for anywhere."""
    named = section.text(key).strip()
    return None if named in {"", "*"} else named


def _gpus(section: Section, warnings: list[str]) -> list[Gpu]:
    key = "gpus" if section.get("accelerators") is None else "accelerators"
    value = section.get(key)
    wishes: list[str] = []
    match value:
        case str():
            wishes = [value]
        case list():
            wishes = [item if isinstance(item, str) else "" for item in value]
        case Mapping():
            counts = section_of(value, section.place(key)).values.items()
            wishes = [name if count is None else f"{name}:{count}" for name, count in counts]
        case None:
            return [Gpu()]
    if not wishes:
        raise section.wrong(key, "not an accelerator such as A100:1", next_step="Write `A100:1`, or a list of such.")
    return [_gpu(section, key, wish.strip(), warnings) for wish in wishes]


def _gpu(section: Section, key: str, wish: str, warnings: list[str]) -> Gpu:
    memory = _GPU_MEMORY.fullmatch(wish)
    if memory:
        most = None if memory[2] else float(memory[1])
        return Gpu(count=float(memory[3] or 1), memory_gib=Bound(least=float(memory[1]), most=most))
    match = _GPU.fullmatch(wish)
    count = float(match[2] or 1) if match else 0
    if match is None or count <= 0:
        raise section.wrong(key, "not an accelerator such as A100:1", next_step="Write `A100:1`, or a list of such.")
    return Gpu(name=match[1].strip(), count=count)
