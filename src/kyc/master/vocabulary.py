"""What FastAPI cannot say of the API's rows by itself, told in its OpenAPI document.

Rows carry states as plain strings, for an older client must be able to read a newer master's. The document names the
words of today: the dashboard's types are made of it, and a state without a colour does not compile there. It says too
that an answer has every field: only in a request may one with a default be left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from kyc.domain.deployment import DeploymentState
from kyc.domain.event import EventKind
from kyc.domain.instance import InstanceState
from kyc.domain.job import AttemptState, JobState
from kyc.domain.replica import ReplicaState
from kyc.domain.service import ServiceState
from kyc.wire.api import Progress, VerificationReport

_REF = "#/components/schemas/"
_WORDS: dict[tuple[str, str], type[StrEnum]] = {
    ("InstanceRow", "state"): InstanceState,
    ("DeploymentRow", "state"): DeploymentState,
    ("WorkloadRow", "state"): JobState,
    ("AttemptRow", "state"): AttemptState,
    ("EventRow", "kind"): EventKind,
    ("ServiceRow", "state"): ServiceState,
    ("ReplicaRow", "state"): ReplicaState,
}
_TOLD = (Progress, VerificationReport)  # come only as the data of server-sent events, which FastAPI does not describe


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the words of such strings as schemas, and with all fields of answers required."""
    schemas = document["components"]["schemas"]
    for (row, field), words in _WORDS.items():
        schemas[words.__name__] = {"type": "string", "enum": [word.value for word in words], "title": words.__name__}
        schemas[row]["properties"][field] = {"$ref": _REF + words.__name__}
    for told in _TOLD:
        shape = TypeAdapter(told).json_schema(ref_template=_REF + "{model}")
        schemas |= shape.pop("$defs", {}) | {told.__name__: shape}
    asked = _asked(document)
    for name, schema in schemas.items():
        if name not in asked and "properties" in schema:
            schema["required"] = list(schema["properties"])
    return document


def _asked(document: dict[str, Any]) -> set[str]:
    """Return the names of the schemas that requests are made of."""
    bodies = [call.get("requestBody") for path in document["paths"].values() for call in path.values()]
    found: set[str] = set()
    left = list(_refs(bodies))
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += _refs(document["components"]["schemas"][name])
    return found


def _refs(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(ref := node.get("$ref"), str):
            yield ref.removeprefix(_REF)
        for value in node.values():
            yield from _refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _refs(value)
