"""The commands about files: snapshots, verify, restore."""

from __future__ import annotations

import argparse

from kyc.cli.live import status_line
from kyc.cli.output import Cell, Output
from kyc.cli.words import ago, moment, now, plural, size
from kyc.sdk.client import Client
from kyc.wire.api import VerifiedSnapshot


def snapshots(args: argparse.Namespace, out: Output) -> int:
    """List a workload's snapshots, newest first; or say what changed between two."""
    if args.diff:
        return _diff(args, out)
    with Client() as client:
        rows = client.snapshots(args.name)
    if out.json:
        out.document(rows)
    elif rows:
        at = now()
        out.table(
            (">SNAPSHOT", ">EPOCH", ">FILES", ">SIZE", "TAKEN", "", "MISSED"),
            [
                [
                    Cell(str(row.sequence), "bold"),
                    str(row.epoch),
                    str(row.files),
                    size(row.bytes),
                    moment(row.taken_at),
                    ago(row.taken_at, now=at),
                    Cell(", ".join(row.missed), "red"),
                ]
                for row in rows
            ],
        )
    else:
        out.line(f"{args.name} has no snapshot yet.")
    return 0


def _diff(args: argparse.Namespace, out: Output) -> int:
    older, newer = args.diff
    with Client() as client:
        found = client.diff_snapshots(args.name, older, newer)
    if out.json:
        out.document(found)
        return 0
    for mark, style, paths in (
        ("+", "green", found.added),
        ("-", "red", found.removed),
        ("~", "yellow", found.changed),
    ):
        for path in paths:
            out.line(out.paint(Cell(f"{mark} {path}", style)))
    counts = f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed"
    out.line(f"{counts} from snapshot {older} to {newer}")
    return 0


def verify(args: argparse.Namespace, out: Output) -> int:
    """Have every chunk read back from the stream; 1 if a file could not be restored whole."""
    with Client() as client, status_line(out, f"reading {args.name} back") as (_, say):
        report = client.verify(
            args.name,
            snapshot=args.snapshot,
            everything=args.everything,
            on_progress=lambda done, total: say(f"reading {args.name} back: {done} of {total} chunks"),
        )
    if out.json:
        out.document(report)
        return 0 if report.ok else 1
    for one in report.snapshots:
        _show_verified(out, one)
    return 0 if report.ok else 1


def _show_verified(out: Output, found: VerifiedSnapshot) -> None:
    if found.unreadable:
        out.line(out.paint(Cell(f"snapshot {found.sequence} cannot be read: {found.unreadable}", "red")))
        return
    for damaged in found.damaged:
        out.line(out.paint(Cell(f"snapshot {found.sequence}: {damaged.path}: {damaged.reason}", "red")))
    verdict = f"{plural(len(found.damaged), 'file')} damaged" if found.damaged else "all whole"
    what = f"{plural(found.files, 'file')}, {plural(found.chunks, 'chunk')}, {size(found.stored_bytes)} stored"
    out.line(f"snapshot {found.sequence}: {what}: {verdict}")


def restore(args: argparse.Namespace, out: Output) -> int:
    """Write a snapshot's files into a new or empty folder."""
    with Client() as client, status_line(out, f"fetching files of {args.name}"):
        done = client.restore(args.name, args.to, sequence=args.snapshot)
    if out.json:
        out.document(
            {
                "name": args.name,
                "snapshot": args.snapshot if done.sequence is None else done.sequence,
                "folder": str(done.folder),
                "files": done.files,
                "bytes": done.bytes,
                "left_out": done.left_out,
                "outward": done.outward,
            }
        )
        return 0
    for name in done.left_out:
        out.note(f"warning: {name} was left out: it is neither a file, a folder nor a symbolic link in a safe place")
    for name in done.outward:
        out.note(f"warning: {name} is a symbolic link that points outside of {done.folder}")
    of = "" if done.sequence is None else f" of snapshot {done.sequence}"
    verb = "is" if done.files == 1 else "are"
    out.line(f"{plural(done.files, 'file')}, {size(done.bytes)}{of}, {verb} in {done.folder}")
    return 0
