"""The commands about files: snapshots, restore."""

from __future__ import annotations

import argparse

from kyc.cli.live import status_line
from kyc.cli.output import Cell, Output
from kyc.cli.words import ago, moment, now, plural, size
from kyc.sdk.client import Client


def snapshots(args: argparse.Namespace, out: Output) -> int:
    """List a workload's snapshots, newest first."""
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


def restore(args: argparse.Namespace, out: Output) -> int:
    """Write a snapshot's files into a new or empty folder."""
    with Client() as client, status_line(out, f"fetching files of {args.name}"):
        done = client.restore(args.name, args.to, sequence=args.snapshot)
    if out.json:
        out.document(
            {
                "name": args.name,
                "snapshot": args.snapshot,
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
    out.line(f"{plural(done.files, 'file')}, {size(done.bytes)}, are in {done.folder}")
    return 0
