"""The options of the commands about people, alerts and notifications; a part of the table in `command`."""

from __future__ import annotations

import argparse

_ROLES = ("viewer", "admin")


def add_user_options(parser: argparse.ArgumentParser) -> None:
    """Take what `kyc user` takes."""
    parser.add_argument("verb", choices=("add", "list", "change", "remove"), help="what to do")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the user's name")
    parser.add_argument("--role", choices=_ROLES, help="viewer looks, admin does everything (add: default viewer)")
    parser.add_argument("--password", action="store_true", help="change: ask for another password")


def add_token_options(parser: argparse.ArgumentParser) -> None:
    """Take what `kyc token` takes."""
    parser.add_argument("verb", choices=("create", "list", "revoke"), help="what to do")
    parser.add_argument("name", metavar="NAME|ID", nargs="?", help="create: what it is for; revoke: its id")
    parser.add_argument("--role", choices=_ROLES, default="viewer", help="what it may do (default viewer)")
    parser.add_argument("--expires", metavar="TIME", default="90d", help="such as 12h or 30d, or never (default 90d)")


def add_alert_options(parser: argparse.ArgumentParser) -> None:
    """Take what `kyc alert` takes."""
    parser.add_argument("verb", choices=("add", "list", "remove"), help="what to do")
    parser.add_argument(
        "market",
        metavar="MARKET|ID",
        nargs="?",
        help="add: CLOUD/REGION/TYPE or CLOUD/REGION/ZONE/TYPE; remove: its id",
    )
    side = parser.add_mutually_exclusive_group()
    side.add_argument("--above", metavar="USD", type=float, help="when an hour costs more")
    side.add_argument("--below", metavar="USD", type=float, help="when an hour costs less")
    parser.add_argument(
        "--then", choices=("notify", "pause", "move"), default="notify", help="what follows besides a notification"
    )
    parser.add_argument("--job", metavar="NAME", help="pause or move this job only (default: all that work there)")


def add_notify_options(parser: argparse.ArgumentParser) -> None:
    """Take what `kyc notify` takes."""
    parser.add_argument("verb", choices=("add", "list", "test", "remove", "read"), help="read: what people are told")
    parser.add_argument(
        "target", metavar="ADDRESS|ID", nargs="?", help="add: an address of apprise, - reads it; test, remove: its id"
    )
    parser.add_argument("--name", metavar="NAME", default="", help="add: what to call it")
    parser.add_argument(
        "--topic",
        action="append",
        default=[],
        choices=("interruption", "work", "data", "money", "price", "trouble"),
        help="only this; may be repeated (default: all)",
    )
