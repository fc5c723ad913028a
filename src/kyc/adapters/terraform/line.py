"""Reads the lines that the engines print with -json: for people, for diagnosis, and for the results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kyc.ports.provisioner import LogLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """An error or warning of the engine. `address` names the resource where the engine says so."""

    severity: str
    summary: str
    detail: str
    address: str = ""

    @property
    def text(self) -> str:
        """Return summary and detail on one line."""
        return " ".join(": ".join(part for part in (self.summary, self.detail) if part).split())


@dataclass(slots=True)
class Report:
    """What the lines of one command have said so far."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    planned: list[tuple[str, str]] = field(default_factory=list)  # address and action
    plain: list[str] = field(default_factory=list)  # lines that are not JSON: crashes, the library's own words

    def read(self, raw: bytes) -> Iterator[LogLine]:
        """Take one printed line; yield what a person should see of it."""
        text = raw.decode(errors="replace").strip()
        if not text:
            return
        parsed = _json_object(text)
        if parsed is None:
            self.plain.append(text)
            yield LogLine(text=text, level="warn")
            return
        level = str(parsed.get("@level", "info"))
        if parsed.get("type") == "diagnostic":
            yield self._diagnosed(parsed.get("diagnostic"), level)
            return
        if parsed.get("type") == "planned_change":
            self._plans(parsed.get("change"))
        if parsed.get("type") == "outputs":
            self.outputs |= _values(parsed.get("outputs"))
            return  # its words are "Outputs: 2", which tell a person nothing
        for line in str(parsed.get("@message", "")).splitlines():
            if line.strip():
                yield LogLine(text=line.rstrip(), level=level)

    def errors(self) -> list[Diagnostic]:
        """Return the diagnostics that made the command fail."""
        return [diagnostic for diagnostic in self.diagnostics if diagnostic.severity == "error"]

    def _plans(self, raw: object) -> None:
        change: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
        resource = change.get("resource")
        if isinstance(resource, dict):
            self.planned.append((str(resource.get("addr", "")), str(change.get("action", ""))))

    def _diagnosed(self, raw: object, level: str) -> LogLine:
        fields: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
        diagnostic = Diagnostic(
            severity=str(fields.get("severity", level)),
            summary=str(fields.get("summary", "")),
            detail=str(fields.get("detail", "")),
            address=str(fields.get("address", "")),
        )
        self.diagnostics.append(diagnostic)
        where = f"{diagnostic.address}: " if diagnostic.address else ""
        return LogLine(text=f"{where}{diagnostic.severity.capitalize()}: {diagnostic.text}", level=level)


def output_values(document: bytes) -> dict[str, Any]:
    """Return the values in what `output -json` prints; empty for anything else."""
    parsed = _json_object(document.decode(errors="replace"))
    return _values(parsed) if parsed is not None else {}


def _values(outputs: object) -> dict[str, Any]:
    if not isinstance(outputs, dict):
        return {}
    return {name: one["value"] for name, one in outputs.items() if isinstance(one, dict) and "value" in one}


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None
