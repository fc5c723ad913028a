"""The commands about people, alerts and notifications: user, token, alert, notify."""

from __future__ import annotations

import argparse
import getpass
import sys

from kyc.cli.machines import is_terminal
from kyc.cli.output import Cell, Output
from kyc.cli.words import ago, now, usd
from kyc.domain.errors import InvalidInputError
from kyc.sdk.client import Client
from kyc.wire import api

_SEVERITIES = {"success": "green", "warning": "yellow", "failure": "red"}


def user(args: argparse.Namespace, out: Output) -> int:
    """Add, list, change and remove users."""
    with Client() as client:
        match args.verb:
            case "add":
                name = _needed(args.name, "a user's name", "kyc user add ann")
                row = client.add_user(name, _password(), role=args.role or "viewer")
                _done(out, row, f"{row.name} may sign in as {row.role}.")
            case "change":
                name = _needed(args.name, "a user's name", "kyc user change ann --role admin")
                row = client.change_user(name, role=args.role, password=_password() if args.password else None)
                _done(out, row, f"{row.name} is {row.role}.")
            case "remove":
                name = _needed(args.name, "a user's name", "kyc user remove ann")
                client.remove_user(name)
                _done(out, {"name": name, "removed": True}, f"{name} is removed.")
            case _:
                users = client.users()
                _list(out, users, ("USER", "ROLE", "ADDED"), [_user_line(row) for row in users])
    return 0


def token(args: argparse.Namespace, out: Output) -> int:
    """Make, list and revoke API tokens."""
    with Client() as client:
        match args.verb:
            case "create":
                name = _needed(args.name, "what the token is for", "kyc token create ci")
                made = client.create_token(name, role=args.role, expires_s=_lifetime_s(args.expires))
                if out.json:
                    out.document(made)
                else:
                    out.line(made.token)
                    out.note("This is the only time that it is shown. Use it as KYC_TOKEN.")
            case "revoke":
                token_id = _needed(args.name, "a token's id", "kyc token revoke a-...; `kyc token list` shows the ids")
                client.revoke_token(token_id)
                _done(out, {"id": token_id, "revoked": True}, f"The token {token_id} works no more.")
            case _:
                tokens = client.tokens()
                columns = ("TOKEN", "FOR", "ROLE", "MADE BY", "EXPIRES")
                _list(out, tokens, columns, [_token_line(row) for row in tokens])
    return 0


def alert(args: argparse.Namespace, out: Output) -> int:
    """Add, list and remove price alerts."""
    with Client() as client:
        match args.verb:
            case "add":
                row = client.add_alert(_alert(args))
                _done(out, row, f"{row.id}: once each time that it is {row.side} {usd(row.usd_per_hour)}/h.")
            case "remove":
                alert_id = _needed(args.market, "an alert's id", "kyc alert remove alert-...")
                client.remove_alert(alert_id)
                _done(out, {"id": alert_id, "removed": True}, f"{alert_id} is removed.")
            case _:
                alerts = client.alerts()
                columns = ("ALERT", "MARKET", "WHEN", "THEN", ">NOW/H", ">FIRED")
                _list(out, alerts, columns, [_alert_line(row) for row in alerts])
    return 0


def notify(args: argparse.Namespace, out: Output) -> int:
    """Add, list, test and remove where notifications go; read them."""
    with Client() as client:
        match args.verb:
            case "add":
                address = _needed(args.target, "an address", "kyc notify add mailto://USER:PASSWORD@gmail.com")
                # A dash keeps what is secret out of the shell's history.
                address = sys.stdin.readline().strip() if address == "-" else address
                row = client.add_target(address, name=args.name, topics=args.topic)
                _done(out, row, f"{row.id}: {row.name} is told from now on. Try it: kyc notify test {row.id}")
            case "test" | "remove":
                target_id = _needed(args.target, "a target's id", f"kyc notify {args.verb} to-...")
                if args.verb == "test":
                    client.test_target(target_id)
                    _done(out, {"id": target_id, "sent": True}, "The service has taken a test message.")
                else:
                    client.remove_target(target_id)
                    _done(out, {"id": target_id, "removed": True}, f"{target_id} is removed.")
            case "read":
                page = client.notifications(topics=args.topic)
                _list(out, page, ("", "TOPIC", "WHAT", "WHY"), [_notification_line(row) for row in page.rows])
            case _:
                targets = client.targets()
                columns = ("TARGET", "NAME", "ADDRESS", "TOPICS", ">SENT", "LAST FAILURE")
                _list(out, targets, columns, [_target_line(row) for row in targets])
    return 0


def _user_line(row: api.UserRow) -> list[Cell | str]:
    return [Cell(row.name, "bold"), row.role, ago(row.created_at, now=now())]


def _token_line(row: api.TokenRow) -> list[Cell | str]:
    ends = "never" if row.expires_at is None else f"{row.expires_at:%Y-%m-%d %H:%M}"
    return [Cell(row.id, "bold"), row.name, row.role, row.user, ends]


def _alert(args: argparse.Namespace) -> api.AlertRequest:
    example = "kyc alert add aws/us-east-1/m5.large --above 0.05"
    parts = _needed(args.market, "a market", example).split("/")
    if len(parts) not in {3, 4} or not all(parts):
        raise InvalidInputError(f"{args.market!r} is not a market", next_step=f"Write {example}")
    if args.above is None and args.below is None:
        raise InvalidInputError("no price is named", next_step=f"Write {example}")
    return api.AlertRequest(
        cloud=parts[0],
        region=parts[1],
        zone=parts[2] if len(parts) == 4 else None,
        type=parts[-1],
        side="above" if args.below is None else "below",
        usd_per_hour=args.above if args.below is None else args.below,
        then=args.then,
        workload=args.job,
    )


def _alert_line(row: api.AlertRow) -> list[Cell | str]:
    market = "/".join([row.cloud, row.region, *([row.zone] if row.zone else []), row.type])
    price = "-" if row.seen_usd_per_hour is None else usd(row.seen_usd_per_hour)
    then = f"{row.then} {row.workload}" if row.workload else row.then
    line = f"{row.side} {usd(row.usd_per_hour)}"
    return [Cell(row.id, "bold"), market, line, then, Cell(price, "yellow" if row.crossed else ""), str(row.fired)]


def _target_line(row: api.TargetRow) -> list[Cell | str]:
    return [Cell(row.id, "bold"), row.name, row.address, " ".join(row.topics), str(row.sent), Cell(row.failure, "red")]


def _notification_line(row: api.NotificationRow) -> list[Cell | str]:
    return [ago(row.at, now=now()), row.topic, Cell(row.title, _SEVERITIES.get(row.severity, "")), row.text]


def _list(out: Output, rows: object, columns: tuple[str, ...], lines: list[list[Cell | str]]) -> None:
    if out.json:
        out.document(rows)
    else:
        out.table(columns, lines)


def _done(out: Output, document: object, words: str) -> None:
    if out.json:
        out.document(document)
    else:
        out.line(words)


def _password() -> str:
    """Return a password: asked for twice on a terminal, else the first line of the standard input."""
    if not is_terminal():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise InvalidInputError("the two are not the same", next_step="Try again.")
    return password


def _lifetime_s(text: str) -> float | None:
    from kyc.wire.quantity import duration  # noqa: PLC0415  # only `token create` needs it

    if text == "never":
        return None
    try:
        return duration(text).total_seconds()
    except ValueError as error:
        raise InvalidInputError(f"--expires: {text!r} is {error}", next_step="Write 12h, 30d or never.") from error


def _needed(text: str | None, what: str, example: str) -> str:
    if not text:
        raise InvalidInputError(f"{what} is missing", next_step=f"Try: {example}")
    return text
