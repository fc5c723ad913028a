"""The schema for editors knows the keys that the parsers know, and complaints point to their lines."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from kyc.domain.errors import InvalidInputError
from kyc.wire import file_schema, resources, scaling_file, service_file, workload_file
from kyc.wire.file_place import place_of
from kyc.wire.workload_file import parse_workload


def differing(schema: Iterable[str], parser: Iterable[str]) -> set[str]:
    return set(schema) ^ set(parser)


def test_every_key_and_no_other() -> None:
    job, both = set(file_schema.JOB), set(file_schema.BOTH)
    assert not differing(job | both, workload_file.SKYPILOT_KEYS | workload_file.OUR_KEYS)
    assert not differing(both, service_file.TOP_KEYS - {"service"})
    assert not differing(file_schema.RESOURCES, resources.SUPPORTED | resources.WISHES | resources.CHOICES)
    assert not differing(file_schema.SERVICE, service_file.SERVICE_KEYS)
    without_effect = {"upscale_delay_seconds", "downscale_delay_seconds", "spot_placer"}
    assert not differing(file_schema.SCALING, scaling_file.SCALING_KEYS - without_effect)
    assert not differing(file_schema.PROBE, service_file._PROBE_KEYS - {"post_data", "headers"})


def test_it_is_json_and_every_key_is_explained() -> None:
    schema = json.loads(json.dumps(file_schema.workload_schema()))
    service = schema["properties"]["service"]["properties"]
    for key, value in (schema["properties"] | service).items():
        assert value["description"].endswith("."), key


@pytest.mark.parametrize(
    ("text", "line", "column", "key"),
    [
        ("name: x\nrun: [\n", 3, 1, ""),
        ("name: x\nrun: y\nrunn: z\n", 3, 1, "runn"),
        ("name: x\n", 1, 1, "run"),
        ("run: x\nresources:\n  cpus: many\n", 3, 3, "resources.cpus"),
        ("run: x\nresources:\n  any_of:\n    - cpus: 2\n    - cpu: 4\n", 5, 7, "resources.any_of[1].cpu"),
        ("run: x\ndeadline: soon\n", 2, 1, "deadline"),
        ("run: x\nresources: 3\n", 2, 1, "resources"),
        ("- a\n", 1, 1, ""),
    ],
)
def test_a_complaint_points_to_its_place(text: str, line: int, column: int, key: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_workload(text)
    place = place_of(str(refused.value), text)
    assert (place.line, place.column, place.key) == (line, column, key), str(refused.value)
