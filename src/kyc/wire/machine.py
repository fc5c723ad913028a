"""What a workload file asks of its machine beyond the offer: disk, image, tags, network; SkyPilot's keys and ours."""

from __future__ import annotations

import math
from collections.abc import Mapping

from kyc.domain.errors import InvalidInputError
from kyc.domain.launch import MOST_DISK_GIB, LaunchOptions, reserved_tag
from kyc.wire.quantity import memory_gib
from kyc.wire.section import Section, section_of

WISHES = frozenset({"disk_size", "image_id", "labels", "network", "subnet", "role"})


def parse_machine(value: object, path: str = "resources") -> tuple[LaunchOptions, list[str]]:
    """Return the wishes of a file's `resources`, and warnings; raise InvalidInputError."""
    section = section_of({} if value is None else value, path)
    image, warnings = _image(section)
    options = LaunchOptions(
        disk_gib=section.parsed("disk_size", _disk_gib, None),
        image=image,
        tags=_tags(section),
        network=section.text("network").strip(),
        subnet=section.text("subnet").strip(),
        role=section.text("role").strip(),
    )
    return options, warnings


def _disk_gib(value: object) -> int | None:
    found = memory_gib(value)
    if found.most != found.least or not 1 <= found.least <= MOST_DISK_GIB:
        raise ValueError(f"not a size such as 100 or 100GB, up to {MOST_DISK_GIB}")
    return math.ceil(found.least)


def _image(section: Section) -> tuple[str, list[str]]:
    """Return the provider's own name of an image; what SkyPilot can besides has no effect."""
    value = section.get("image_id")
    if isinstance(value, Mapping) or (isinstance(value, str) and value.startswith(("docker:", "skypilot:"))):
        return "", [f"{section.place('image_id')}: only one image, by its provider's name, so it has no effect"]
    return section.text("image_id").strip(), []


def _tags(section: Section) -> dict[str, str]:
    value = section.get("labels")
    if value is None:
        return {}
    labels = section_of(value, section.place("labels"))
    tags = {key: labels.text(key) for key in labels.values}
    ours = reserved_tag(tags)
    if ours is not None:
        raise InvalidInputError(f"{labels.place(ours)}: this one is for us", next_step="Name it differently.")
    return tags
