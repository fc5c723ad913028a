"""The command that starts a service or updates it: serve."""

from __future__ import annotations

import argparse

from kyc.cli.live import status_line
from kyc.cli.machine import machine_words
from kyc.cli.market import show_offers
from kyc.cli.output import Cell, Output, state_cell
from kyc.cli.watch import Related, show_event
from kyc.cli.words import plural, usd
from kyc.cli.work import envs_of
from kyc.sdk.client import Client
from kyc.sdk.flows import is_over
from kyc.wire.api import ServiceDetail, ServicePlan

_SHOWN_OFFERS = 8
_INTERRUPTED = 130
_NEWS = ("service.ready", "service.stopped", "service.failed", "replica.ready", "replica.failed")


def serve(args: argparse.Namespace, out: Output) -> int:
    """Submit a service; unless told not to, wait until it answers. Exit code 0 once it does."""
    with Client() as client:
        after = 0 if args.dry_run or args.detach else client.last_seq()
        with status_line(out, f"submitting {args.file}") as (_, set_status):
            plan = client.serve(
                args.file, name=args.name, envs=envs_of(args.env), dry_run=args.dry_run, on_step=set_status
            )
        for warning in plan.warnings:
            out.note(f"warning: {warning}")
        if args.dry_run or args.detach:
            _show_plan(out, plan, dry=args.dry_run)
            return 0
        return _wait(client, out, plan, after)


def _wait(client: Client, out: Output, plan: ServicePlan, after: int) -> int:
    """Show what happens until every wanted replica of this revision is ready."""
    related = Related([plan.name])
    if not out.json:
        what = "is updated; its replicas are replaced" if plan.updates else "is submitted; waiting for it to answer"
        out.line(f"{plan.name} {what}. Ctrl-C leaves it running.")
    try:
        detail = client.service(plan.name)
        with client.stream_events(after=after) as stream:
            for event in stream:
                if related(event) and not out.json:
                    show_event(out, event)
                if event.kind in _NEWS and event.subject == plan.name:
                    detail = client.service(plan.name)
                    if _has_come(detail) or is_over(detail.row.state):
                        break
    except KeyboardInterrupt:
        out.note(f"{plan.name} goes on. See `kyc show {plan.name}`. Stop it: `kyc stop {plan.name}`.")
        return _INTERRUPTED
    if out.json:
        out.document(detail)
    else:
        _show_end(out, detail)
    return 1 if is_over(detail.row.state) else 0


def _has_come(detail: ServiceDetail) -> bool:
    row = detail.row
    replicas = [replica for instance in detail.instances for replica in instance.replicas]
    new = [replica for replica in replicas if replica.revision == row.revision and replica.state == "ready"]
    old = [replica for replica in replicas if replica.revision < row.revision and replica.state != "draining"]
    return row.state == "running" and not old and (bool(new) or row.replicas_wanted == 0)


def _show_end(out: Output, detail: ServiceDetail) -> None:
    row = detail.row
    if is_over(row.state):
        out.line(f"{row.name} {out.paint(state_cell(row.state))}: {row.reason}")
        out.line(f"What it printed: `kyc logs {row.name}`. Why: `kyc why {row.name}`.")
        return
    ready = f"{plural(row.replicas_ready, 'replica')} on {plural(row.instances_ready, 'instance')}"
    out.line(f"{row.name} answers at {out.paint(Cell(row.url, 'bold'))} with {ready}.")


def _show_plan(out: Output, plan: ServicePlan, *, dry: bool) -> None:
    if out.json:
        out.document(plan)
        return
    if not dry and plan.row is not None:
        out.line(f"{out.paint(Cell(plan.name, 'bold'))} is submitted; it will answer at {plan.row.url}.")
        out.line(f"Follow it: `kyc events -f --subject {plan.name}`. See it: `kyc show {plan.name}`.")
        return
    _show_spec(out, plan)
    out.line()
    if not plan.offers:
        out.line("It would wait. Nothing was started.")  # the warning has said why
        return
    show_offers(out, plan.offers[:_SHOWN_OFFERS], chosen=plan.offers[0].id)
    out.line()
    each = plural(plan.replicas_per_instance or 1, "replica")
    prices = f"{usd(plan.least_usd_per_hour)} to {usd(plan.most_usd_per_hour)} an hour"
    out.line(f"Expected: {prices}, {each} on each {plan.offers[0].type}. Nothing was started.")


def _show_spec(out: Output, plan: ServicePlan) -> None:
    spec = plan.spec
    scaling = spec["scaling"]
    assert isinstance(scaling, dict)
    wishes = spec.get("any_of")
    targets = [
        f"{t['per_replica']:g} {(t.get('metric') or {}).get('name') or t['kind']} a replica" for t in scaling["targets"]
    ]
    probe = spec.get("probe")
    out.facts(
        {
            "name": Cell(plan.name, "bold"),
            "updates": "the service of this name, replica by replica" if plan.updates else "",
            "resources": " or ".join(machine_words(wish) for wish in wishes) if isinstance(wishes, list) else "",
            "image": str(spec.get("image") or ""),
            "setup": str(spec.get("setup") or "").strip(),
            "run": str(spec.get("run") or "").strip(),
            "replicas": f"{scaling['min_replicas']} to {scaling['max_replicas']}",
            "policy": str(scaling["policy"]),
            "targets": ", ".join(targets),
            "probe": str(probe.get("path") or "its port") if isinstance(probe, dict) else "",
        }
    )
