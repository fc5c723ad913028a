"""The commands about machines: instances, launch, terminate, interrupt, cloud."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from kyc.cli.output import Cell, Output, state_cell
from kyc.cli.watch import Related, show_event, watch_until
from kyc.cli.words import ago, now, plural, span, usd, usd_column
from kyc.domain.deployment import DeploymentState
from kyc.domain.errors import InvalidInputError
from kyc.domain.event import EventKind
from kyc.sdk.client import Client
from kyc.sdk.clouds import LaunchWishes
from kyc.wire.api import DeploymentRow, EventRow, InstanceRow, LaunchReport

ENDED = frozenset({"terminated", "failed"})
INSTANCE_ENDINGS = (EventKind.INSTANCE_TERMINATED, EventKind.DEPLOYMENT_DESTROYED, EventKind.DEPLOYMENT_FAILED)
_APPLIED = (EventKind.DEPLOYMENT_SUCCEEDED, EventKind.DEPLOYMENT_FAILED, EventKind.DEPLOYMENT_DESTROYED)


def instances(args: argparse.Namespace, out: Output) -> int:
    """List the instances."""
    with Client() as client:
        rows = client.instances(everything=args.everything)
    if out.json:
        out.document(rows)
    elif rows:
        columns = ("ID", "STATE", "TYPE", "ZONE", "KIND", ">PRICE/H", ">COST", "ADDRESS", "WORKLOAD", "STARTED")
        prices = usd_column(row.price_usd_per_hour for row in rows)
        costs = usd_column(row.cost_usd for row in rows)
        out.table(columns, [_instance(*line) for line in zip(rows, prices, costs, strict=True)])
    else:
        out.line(
            "No instances run." + ("" if args.everything else " `kyc instances --all` shows those that have ended.")
        )
    return 0


def _instance(row: InstanceRow, price: str, cost: str) -> list[Cell | str]:
    return [
        Cell(row.id, "bold"),
        state_cell(row.state),
        row.type,
        f"{row.cloud}/{row.zone}",
        "spot" if row.spot else "on-demand",
        price,
        cost,
        row.address or "-",
        row.workload or "-",
        ago(row.started_at, now=now()),
    ]


def launch(args: argparse.Namespace, out: Output) -> int:
    """Buy bare instances, and show Terraform's lines until they exist."""
    wish = _wish(args)
    with Client() as client:
        if args.plan:
            return _show_plan(client.plan_launch(**wish), out)
        after = client.last_seq()
        row = client.launch(**wish)
        if not args.detach:
            related = Related([row.id, *row.instances])
            row = watch_until(
                client, out, lambda: _applied(client, row.id), after=after, show=_quietly(out, related), kinds=_APPLIED
            )
        price = _price(client, row)
    if out.json:
        out.document(row)
    else:
        count = plural(len(row.instances), "instance")
        out.line(f"{row.id}: {count} of {row.offer}{price} {row.state}: {', '.join(row.instances)}")
    return 0 if row.state in {DeploymentState.REQUESTED, DeploymentState.APPLIED} else 1


def _wish(args: argparse.Namespace) -> LaunchWishes:
    """Return what the options ask for."""
    chosen = [name for name in ("region", "zone", "type") if getattr(args, name)]
    if args.offer and chosen:
        raise InvalidInputError(f"--offer says it all: there is no use in --{chosen[0]}", next_step="Leave one out.")
    return LaunchWishes(
        offer=args.offer,
        count=args.count,
        cloud=args.cloud,
        region=args.region,
        zone=args.zone,
        type=args.type,
        spot=args.spot,
        account=args.account,
        disk_gib=args.disk,
        network=args.network,
        subnet=args.subnet,
        role=args.role,
        image=args.image,
        tags=dict(text.partition("=")[::2] for text in args.tag),
        max_price_usd_per_hour=args.max_price,
        on_interruption=args.on_interruption,
        public_address=not args.private,
    )


def _show_plan(plan: LaunchReport, out: Output) -> int:
    if out.json:
        out.document(plan)
        return 0
    out.table(
        ("RESOURCE", "ACTION", ""),
        [[row.address, row.action, "shared by all instances there" if row.shared else ""] for row in plan.resources],
    )
    each, total = usd(plan.price_usd_per_hour), usd(plan.total_usd_per_hour)
    payer = f", paid by {plan.account}" if plan.account else ""
    price = f"{each}/h each, {total}/h in all (on demand {usd(plan.on_demand_usd_per_hour)}/h)"
    out.line(f"{plural(plan.count, 'instance')} of {plan.offer} at {price}{payer}")
    return 0


def _price(client: Client, row: DeploymentRow) -> str:
    if not row.instances:
        return ""
    one = client.instance(row.instances[0]).price_usd_per_hour
    count = len(row.instances)
    return f" at {usd(one)}/h" + (f" each, {usd(one * count)}/h in all," if count > 1 else "")


def _applied(client: Client, deployment_id: str) -> DeploymentRow | None:
    rows = (row for row in client.deployments() if row.id == deployment_id)
    return next((row for row in rows if row.state != DeploymentState.REQUESTED), None)


def terminate(args: argparse.Namespace, out: Output) -> int:
    """Give instances back, and show Terraform's lines until they are gone."""
    with Client() as client:
        after = client.last_seq()
        ids = [row.id for row in client.instances()] if args.everything else args.ids
        if not ids and not args.everything:
            raise InvalidInputError("no instance is named", next_step="Name some, or say --all.")
        if args.everything and ids and not args.yes and not _is_confirmed(out, ids):
            out.note("Nothing was ended.")
            return 1
        rows = [client.terminate(instance_id) for instance_id in ids]
        if not args.detach:
            rows = wait_for_end(client, out, ids, after=after)
    if out.json:
        out.document(rows)
    else:
        for row in rows:
            out.line(f"{row.id} is {out.paint(state_cell(row.state))}")
        if not rows:
            out.line("No instances run.")
    return 0


def _is_confirmed(out: Output, ids: list[str]) -> bool:
    """Ask the person at the terminal; where there is none, who says --all means it."""
    if out.json or not is_terminal():
        return True
    out.stdout.write(f"End {plural(len(ids), 'instance')}: {', '.join(ids)}? [y/N] ")
    out.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def is_terminal() -> bool:
    """Say whether somebody reads what we ask and can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def wait_for_end(client: Client, out: Output, ids: list[str], *, after: int) -> list[InstanceRow]:
    """Return the instances' rows once all have ended; show what happens meanwhile."""

    def gone() -> list[InstanceRow] | None:
        rows = [client.instance(instance_id) for instance_id in ids]
        return rows if all(row.state in ENDED for row in rows) else None

    deployments = {client.instance(instance_id).deployment for instance_id in ids}
    related = Related([*ids, *deployments])
    return watch_until(client, out, gone, after=after, show=_quietly(out, related), kinds=INSTANCE_ENDINGS)


def _quietly(out: Output, related: Related) -> Callable[[EventRow], None]:
    """Return what shows related events to people, and nothing to programs, which get one document at the end."""

    def show(event: EventRow) -> None:
        if related(event) and not out.json:
            show_event(out, event)

    return show


def interrupt(args: argparse.Namespace, out: Output) -> int:
    """Force an interruption, with a notice or without."""
    if args.notice < 0:
        raise InvalidInputError("--notice is below zero", next_step="Give seconds; 0 kills without a notice.")
    with Client() as client:
        row = client.interrupt(args.id, notice_s=args.notice)
    if out.json:
        out.document(row)
    elif args.notice:
        out.line(f"{row.id} gets a notice of {span(args.notice)}: {row.how}. Watch with `kyc events -f`.")
    else:
        out.line(f"{row.id} is killed without a notice: {row.how}. Watch with `kyc events -f`.")
    return 0
