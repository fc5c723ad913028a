"""`/schema`, `/workloads/check` and `/doctor`: is it right, before anything is started."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from kyc.domain.errors import InvalidInputError
from kyc.master.auth import Served
from kyc.wire.api import CheckRequest, DoctorReport, DoctorRow, FileCheck, FileProblem
from kyc.wire.file_place import place_of
from kyc.wire.file_schema import workload_schema
from kyc.wire.service_file import is_service, parse_service
from kyc.wire.workload_file import parse_workload

router = APIRouter(tags=["check"])


@router.get("/schema/workload")
async def get_schema() -> dict[str, object]:
    """Return the JSON Schema of a workload file, for editors."""
    return workload_schema()


@router.post("/workloads/check")
async def check_file(body: CheckRequest) -> FileCheck:
    """Read a workload file, and say what is wrong with it and where; nothing is stored."""
    kind = "job"
    try:
        kind = "service" if is_service(body.file) else "job"
        parsed = parse_service(body.file) if kind == "service" else parse_workload(body.file)
    except InvalidInputError as error:
        place = place_of(str(error), body.file)
        problem = FileProblem(
            line=place.line, column=place.column, key=place.key, message=str(error), next_step=error.next_step
        )
        return FileCheck(ok=False, kind=kind, name=None, warnings=[], problems=[problem])
    return FileCheck(ok=True, kind=kind, name=parsed.spec.name, warnings=list(parsed.warnings), problems=[])


@router.get("/doctor")
async def get_doctor(served: Served) -> DoctorReport:
    """Try what works on the master's machine, and say what to do about the rest."""
    checks = await asyncio.to_thread(served.doctor)
    rows = [DoctorRow(name=c.name, ok=c.ok, found=c.found, advice=c.advice, needed=c.needed) for c in checks]
    return DoctorReport(ok=all(row.ok for row in rows if row.needed), checks=rows)
