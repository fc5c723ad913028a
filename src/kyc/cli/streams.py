"""The command about streams: check, migrate, list."""

from __future__ import annotations

import argparse
import asyncio
import os

from kyc.cli.live import status_line
from kyc.cli.output import Cell, Output
from kyc.cli.words import plural, size
from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.sdk.client import Client
from kyc.wire.api import FindingRow, MigrationRow, StreamCheck

_STYLES = {"good": "green", "warning": "yellow", "bad": "red"}


def stream(args: argparse.Namespace, out: Output) -> int:
    """Check a stream, move workloads to it, or say where they are; 1 if it cannot be relied on or a move waits."""
    match args.verb:
        case "check":
            return _check(args, out)
        case "migrate":
            return _migrate(args, out)
        case _:
            return _list(args, out)


def _migrate(args: argparse.Namespace, out: Output) -> int:
    """Move, and show how far it is until it is done; one that cannot go on now is left to the master."""
    with Client() as client:
        rows = _ask(client, args, out)
        if not args.detach:
            rows = _follow(client, {row.name for row in rows}, out)
    troubled = [row for row in rows if row.error]
    if out.json:
        out.document(rows)
        return 1 if troubled else 0
    _show(out, rows)
    if there := [row for row in rows if row.state == "stays"]:
        out.line(f"{there[0].source} has the files of {plural(len(there), 'workload')} now.")
    for row in troubled:
        out.note(f"{row.name} waits: {row.error}. The master tries again; `kyc stream list` shows how it stands.")
    return 1 if troubled else 0


def _ask(client: Client, args: argparse.Namespace, out: Output) -> list[MigrationRow]:
    with status_line(out, "trying the stream out"):
        return client.migrate_streams(_url(args), token=os.environ.get("KYC_STREAM_TOKEN", ""), names=args.names)


def _follow(client: Client, names: set[str], out: Output) -> list[MigrationRow]:
    """Show how far they are; who has seen enough is told that they go on."""
    try:
        with status_line(out, "waiting for the master") as (_, say):
            return client.follow_migrations(names, on_row=lambda row: say(_words(row)))
    except KeyboardInterrupt:
        out.note("The move goes on: `kyc stream list` shows how far it is.")
        raise


def _words(row: MigrationRow) -> str:
    share = f": {size(row.copied_bytes)} of {size(row.total_bytes)} of a snapshot" if row.total_bytes else ""
    return f"{row.name} {row.state}{share}"


def _list(args: argparse.Namespace, out: Output) -> int:
    if args.url:
        raise InvalidInputError("`kyc stream list` takes no URL", next_step="It shows every workload: leave it out.")
    with Client() as client:
        rows = client.migrations()
    if out.json:
        out.document(rows)
    elif rows:
        _show(out, rows)
    else:
        out.line("No workloads.")
    return 0


def _show(out: Output, rows: list[MigrationRow]) -> None:
    columns = ("WORKLOAD", "STATE", "LIES IN", "GOES TO", ">COPIED", ">OF", "WAITS FOR")
    out.table(columns, [_migration(row) for row in rows])


def _migration(row: MigrationRow) -> list[Cell | str]:
    moving = row.state != "stays"
    return [
        Cell(row.name, "bold"),
        Cell(row.state, "yellow" if moving else ""),
        row.source,
        row.target or "-",
        size(row.copied_bytes) if moving else "-",
        size(row.total_bytes) if moving else "-",
        Cell(row.error, "red"),
    ]


def _check(args: argparse.Namespace, out: Output) -> int:
    with status_line(out, "trying the stream out") as (above, _):
        found = _checked(_url(args), os.environ.get("KYC_STREAM_TOKEN", ""), above)
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
