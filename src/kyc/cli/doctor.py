"""`kyc doctor`: what works on this machine, found by trying, and what to do about the rest."""

from __future__ import annotations

import argparse

from kyc.adapters.system.doctor import machine_checks
from kyc.cli.output import Cell, Output
from kyc.cli.up import healthy_master
from kyc.sdk.discovery import home_folder
from kyc.wire.api import DoctorRow


def doctor(args: argparse.Namespace, out: Output) -> int:
    """Try everything; the exit code is 1 if something is missing without which nothing runs."""
    checks = [check() for check in (*machine_checks(home_folder()), check_master)]
    healthy = all(check.ok for check in checks if check.needed)
    if out.json:
        out.document({"ok": healthy, "checks": checks})
        return 0 if healthy else 1
    out.table(("", "CHECK", "FOUND", "ADVICE"), [_line(check) for check in checks])
    return 0 if healthy else 1


def check_master() -> DoctorRow:
    """A master runs."""
    master = healthy_master(home_folder())
    found = f"{master.url} (process {master.pid}, {master.version})" if master else "none runs"
    advice = "`kyc up --detach` starts one"
    return DoctorRow(name="master", ok=master is not None, found=found, advice=advice, needed=False)


def _line(check: DoctorRow) -> list[Cell | str]:
    mark = Cell("ok", "green") if check.ok else Cell("no", "red" if check.needed else "yellow")
    return [mark, Cell(check.name, "bold"), check.found, "" if check.ok else check.advice]
