"""`kyc cloud`: accounts of clouds. Credentials come from options, the environment, profiles, or are asked for."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kyc.cli.machines import is_terminal
from kyc.cli.output import Cell, Output
from kyc.cli.profile import read_profile
from kyc.cli.words import plural
from kyc.domain.errors import InvalidInputError, NotFoundError
from kyc.sdk.client import Client
from kyc.wire.api import AccountField, AccountReport, CloudForm, CloudRow

LOCAL = "local"


def cloud(args: argparse.Namespace, out: Output) -> int:
    """Add, check, list or remove accounts."""
    if args.verb == "list":
        return _list(out, args.cloud)
    if args.cloud is None:
        raise InvalidInputError("no cloud is named", next_step=f"Write kyc cloud {args.verb} aws, or another cloud.")
    if args.verb == "add":
        return _add(args, out)
    return _check(args, out) if args.verb == "check" else _remove(args, out)


def _list(out: Output, only: str | None) -> int:
    with Client() as client:
        rows = [row for row in client.clouds() if only in {None, row.name}]
    if out.json:
        out.document(rows)
    else:
        out.table(("CLOUD", "READY", "", "ACCOUNT", "IDENTITY"), [line for row in rows for line in _lines(row)])
    return 0


def _lines(row: CloudRow) -> list[list[Cell | str]]:
    ready = Cell("yes", "green") if row.ready else Cell("no", "red")
    first = row.accounts[0] if row.accounts else None
    account = ["-", "-"] if first is None else [first.name, first.identity]
    more: list[list[Cell | str]] = [["", "", "", one.name, one.identity] for one in row.accounts[1:]]
    return [[Cell(row.name, "bold"), ready, row.message, *account], *more]


def _add(args: argparse.Namespace, out: Output) -> int:
    with Client() as client:
        if args.cloud == LOCAL:
            out.note("The local cloud is part of the master: it needs no account.")
            return _list(out, LOCAL)
        form = _form(client.cloud_forms(), args.cloud)
        values = _values(form.fields, args.given, read_profile(args.cloud, args.profile), out)
        report = client.add_account(args.cloud, values, name=args.name)
    return _show(report, out)


def _form(forms: Sequence[CloudForm], cloud: str) -> CloudForm:
    found = next((form for form in forms if form.cloud == cloud), None)
    if found is None:
        known = ", ".join([LOCAL, *(form.cloud for form in forms)])
        raise NotFoundError(f"there is no cloud {cloud!r}", next_step=f"The clouds are {known}.")
    return found


def _values(
    fields: Sequence[AccountField], given: Sequence[str], profile: Mapping[str, str], out: Output
) -> dict[str, str]:
    """Fill in the form: what was given counts most, then the environment, then a profile; the rest is asked for."""
    values = _given(given)
    for field in fields:
        if field.name in values:
            continue
        variable = next((name for name in field.env if os.environ.get(name)), None)
        if variable is not None:
            values[field.name] = _content(field, os.environ[variable])
            out.note(f"{field.name} is taken from {variable}.")
        elif field.name in profile:
            values[field.name] = profile[field.name]
            out.note(f"{field.name} is taken from the profile.")
        elif field.required and not field.default:
            values[field.name] = _ask(field, out)
    return values


def _given(given: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidInputError(f"--set {name}: there is no '='", next_step="Write --set FIELD=VALUE.")
        if value == "-":
            value = sys.stdin.readline().rstrip("\n")
        elif value.startswith("@"):
            value = _read(Path(value[1:]))
        values[name] = value
    return values


def _content(field: AccountField, value: str) -> str:
    return _read(Path(value)) if field.file and not value.lstrip().startswith("{") else value


def _read(path: Path) -> str:
    try:
        return path.expanduser().read_text()
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}", next_step="Name another file.") from error


def _ask(field: AccountField, out: Output) -> str:
    if out.json or not is_terminal():
        raise InvalidInputError(
            f"{field.name} is missing: {field.title}",
            next_step=f"Give it by --set {field.name}=-. {field.help}",
        )
    if field.help:
        out.note(field.help)
    if field.file:
        return _read(Path(input(f"{field.title} (a file): ").strip()))
    return getpass.getpass(f"{field.title}: ") if field.secret else input(f"{field.title}: ").strip()


def _check(args: argparse.Namespace, out: Output) -> int:
    if args.cloud == LOCAL:
        return _list(out, LOCAL)
    with Client() as client:
        report = client.check_account(args.cloud, name=args.name)
    return _show(report, out)


def _show(report: AccountReport, out: Output) -> int:
    if out.json:
        out.document(report)
        return 0 if report.accepted else 1
    words = {True: Cell("yes", "green"), False: Cell("no", "red"), None: Cell("unknown", "yellow")}
    rows: list[list[Cell | str]] = [
        [right.name, words[right.granted], right.purpose + ("" if right.required else " (optional)"), right.problem]
        for right in report.rights
    ]
    if rows:
        out.table(("RIGHT", "GRANTED", "FOR", ""), rows)
    for warning in report.warnings:
        out.note(warning)
    if report.accepted:
        out.line(f"{report.cloud}:{report.name} is {report.identity}")
        return 0
    lacking = ", ".join(right.name for right in report.rights if right.required and right.granted is False)
    out.note(f"{report.identity} lacks {lacking}. The least policy that grants all of it:")
    out.line(report.policy)
    return 1


def sweep(args: argparse.Namespace, out: Output) -> int:
    """Look for what runs in the clouds without being known here; 1 if something does, or a cloud does not answer."""
    with Client() as client:
        reply = client.sweep(everywhere=args.everywhere, remove=args.remove)
    left = [one for one in reply.orphans if not one.removed]
    code = 1 if left or reply.silent else 0
    if out.json:
        out.document(reply)
        return code
    rows: list[list[Cell | str]] = [
        [one.provider_id, one.cloud, one.zone or one.region, "removed" if one.removed else "runs", one.reason]
        for one in reply.orphans
    ]
    if rows:
        out.table(("ORPHAN", "CLOUD", "ZONE", "STATE", "WHY"), rows)
    for name, why in reply.silent.items():
        out.note(f"{name} does not answer: {why}")
    for workspace in reply.workspaces:
        out.note(f"Terraform's workspace {workspace} has no deployment here.")
    if left:
        out.note("They are removed in a minute, in regions in use; at once by --remove.")
    out.line(f"{plural(reply.seen, 'instance')} of ours {'runs' if reply.seen == 1 else 'run'}, {len(rows)} unknown")
    return code


def export(args: argparse.Namespace, out: Output) -> int:
    """Write Terraform's files of everything that exists into a folder."""
    target = Path(args.to)
    if target.exists() and any(target.iterdir()):
        raise InvalidInputError(f"{target} is not empty", next_step="Name a new folder.")
    with Client() as client:
        files = client.export_deployments().files
    for name, text in files.items():
        path = target / name
        if target.resolve() not in path.resolve().parents:
            raise InvalidInputError(f"the master names a file outside the folder: {name}")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text)
        path.chmod(0o600)
    if out.json:
        out.document({"to": str(target), "files": sorted(files)})
    else:
        out.line(f"{plural(len(files), 'file')} in {target}; terraform init and plan work in each folder.")
        out.note("Stop the master before you apply anything there: two owners of one instance do not go well.")
    return 0


def _remove(args: argparse.Namespace, out: Output) -> int:
    if not args.yes and not out.json and is_terminal():
        out.stdout.write(f"Forget the credentials of {args.cloud}:{args.name}? [y/N] ")
        out.stdout.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            out.note("Nothing was removed.")
            return 1
    with Client() as client:
        client.remove_account(args.cloud, name=args.name)
    if out.json:
        out.document({"cloud": args.cloud, "name": args.name, "removed": True})
    else:
        out.line(f"{args.cloud}:{args.name} is removed")
    return 0
