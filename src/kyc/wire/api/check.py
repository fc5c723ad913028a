"""Whether a workload file is right, and what works on the master's machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """`POST /workloads/check`: the file's text."""

    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProblem:
    """What is wrong and where: line and column from 1; `key` is its path, empty where none is named."""

    line: int
    column: int
    key: str
    message: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """What a file means: `kind` is job or service; a name where it is right, else the first problem."""

    ok: bool
    kind: str
    name: str | None
    warnings: list[str]
    problems: list[FileProblem]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorRow:
    """One finding of `kyc doctor` on the master's machine. `needed`: without it nothing runs."""

    name: str
    ok: bool
    found: str
    advice: str
    needed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """`GET /doctor`."""

    ok: bool
    checks: list[DoctorRow]
