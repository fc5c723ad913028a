"""A provider's schema as stored beside the checkout, in the words of Terraform's plug-in protocol."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.terraform.wire import encoded

FOLDER = Path(__file__).parents[3] / "shared" / "schemas"
_NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
_COLLECTION = re.compile(r"(list|set|map)\((.*)\)")
Fields = Mapping[str, Any]


def load(provider: str) -> dict[str, Any]:
    """Return the stored schema of `google` or `azurerm`."""
    stored: dict[str, Any] = json.loads((FOLDER / f"{provider}.json").read_text())
    return stored


def is_block(field: Any) -> bool:
    return isinstance(field, dict) and "fields" in field


def schema(fields: Fields) -> bytes:
    """Return a Schema message."""
    return encoded((2, _block(fields)))


def cty(kind: Any) -> Any:
    """Return a type as cty writes it in JSON."""
    if isinstance(kind, dict):
        if len(kind) == 1 and (name := next(iter(kind))) in {"list", "set", "map"}:
            return [name, cty(kind[name])]
        return ["object", {name: cty(member) for name, member in kind.items()}]
    collection = _COLLECTION.fullmatch(kind)
    return [collection[1], cty(collection[2])] if collection else kind


def _block(fields: Fields) -> bytes:
    parts: list[tuple[int, bytes]] = []
    for name, field in sorted(fields.items()):
        if is_block(field):
            nested = (
                (1, name),
                (2, _block(field["fields"])),
                (3, _NESTING[field["block"]]),
                (4, field.get("min") or 0),
                (5, field.get("max") or 0),
            )
            parts.append((3, encoded(*nested)))
        else:
            parts.append((2, _attribute(name, field)))
    return encoded(*parts)


def _attribute(name: str, field: Any) -> bytes:
    told = {"type": field, "is": "optional"} if isinstance(field, str) else field  # as in `timeouts`
    words = told["is"].split("+")
    return encoded(
        (1, name),
        (2, json.dumps(cty(told["type"]))),
        (4, int("required" in words)),
        (5, int("optional" in words)),
        (6, int("computed" in words)),
        (7, int(told.get("sensitive", False))),
        (9, int(told.get("deprecated", False))),
        (10, int(told.get("write_only", False))),
    )
