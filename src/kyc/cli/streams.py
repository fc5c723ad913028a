"""The command about streams: check, migrate, list."""

from __future__ import annotations

import argparse
import asyncio
import os

from kyc.cli.output import Cell, Output
from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.sdk.client import Client
from kyc.wire.api import FindingRow, StreamCheck

_STYLES = {"good": "green", "warning": "yellow", "bad": "red"}


def stream(args: argparse.Namespace, out: Output) -> int:
    """Check a stream; 1 if it cannot be relied on."""
    return _check(args, out)


def _check(args: argparse.Namespace, out: Output) -> int:
    found = _checked(_url(args), os.environ.get("KYC_STREAM_TOKEN", ""), out)
    if out.json:
        out.document(found)
        return 0 if found.ok else 1
    out.table(("", "WHAT", "FOUND"), [_finding(one) for one in found.findings])
    for one in found.findings:
        if one.next_step and one.verdict != "good":
            out.note(f"{one.subject}: {one.next_step}")
    out.line(f"{found.url} {'can be relied on' if found.ok else 'cannot be used as it is'}")
    return 0 if found.ok else 1


def _checked(url: str, token: str, out: Output) -> StreamCheck:
    """Have the master check it, from where it will use it; without one, check it from here."""
    try:
        with Client() as client:
            return client.check_stream(url, token=token)
    except UnreachableError:
        if "KYC_URL" in os.environ:
            raise
    out.note("no master runs here: checked from this command itself")
    from kyc.domain.finding import Verdict  # noqa: PLC0415  # only without a master
    from kyc.domain.snapshot import StreamAccess  # noqa: PLC0415
    from kyc.streams import check, shown  # noqa: PLC0415

    findings = asyncio.run(check(StreamAccess(url=url, workload="", token=token)))
    rows = [
        FindingRow(subject=one.subject, verdict=one.verdict.value, text=one.text, next_step=one.next_step)
        for one in findings
    ]
    return StreamCheck(url=shown(url), ok=all(one.verdict is not Verdict.BAD for one in findings), findings=rows)


def _finding(row: FindingRow) -> list[Cell | str]:
    return [Cell(row.verdict, _STYLES[row.verdict]), row.subject, row.text]


def _url(args: argparse.Namespace) -> str:
    if not args.url:
        raise InvalidInputError("no stream is named", next_step=f"Try: kyc stream {args.verb} kafka://host:9092")
    return str(args.url)
