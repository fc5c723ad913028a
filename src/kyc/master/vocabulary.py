"""The words that the API's strings may hold, told in its OpenAPI document so that clients can know them all.

Rows carry states as plain strings, for an older client must be able to read a newer master's. The document names the
words of today: the dashboard's types are made of it, and a state without a colour does not compile there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from kyc.domain.deployment import DeploymentState
from kyc.domain.event import EventKind
from kyc.domain.instance import InstanceState
from kyc.domain.job import AttemptState, JobState

_WORDS: dict[tuple[str, str], type[StrEnum]] = {
    ("InstanceRow", "state"): InstanceState,
    ("DeploymentRow", "state"): DeploymentState,
    ("WorkloadRow", "state"): JobState,
    ("AttemptRow", "state"): AttemptState,
    ("EventRow", "kind"): EventKind,
}


def name_words(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with each such string's words as a schema of its own."""
    schemas = document["components"]["schemas"]
    for (row, field), words in _WORDS.items():
        schemas[words.__name__] = {"type": "string", "enum": [word.value for word in words], "title": words.__name__}
        schemas[row]["properties"][field] = {"$ref": f"#/components/schemas/{words.__name__}"}
    return document
