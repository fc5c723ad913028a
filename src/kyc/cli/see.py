"""The commands that show one thing or what happened: show, logs, events, why."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from kyc.cli.market import choice_lines
from kyc.cli.output import Cell, Output, state_cell
from kyc.cli.ps import step_of
from kyc.cli.watch import Related, show_event, tell_contact, watch_job
from kyc.cli.words import ago, moment, now, size, span, until, usd
from kyc.domain.errors import InvalidInputError, NotFoundError
from kyc.domain.event import EventKind
from kyc.sdk.client import Client
from kyc.wire.api import AttemptRow, DeploymentRow, EventRow, InstanceRow, LogRow, RecoveryRow, WorkloadDetail

_TAIL = 10
DEPLOYMENT = "deployment/"


def show(args: argparse.Namespace, out: Output) -> int:
    """Show a workload, an instance or a deployment with all its facts."""
    with Client() as client:
        found = _find(client, args.id)
        service = client.service(args.id) if _is_service(found) else None
    if out.json:
        out.document(service or found)
        return 0
    match found:
        case WorkloadDetail() if service is not None:
            from kyc.cli.service import show_service  # noqa: PLC0415  # only services need it

            show_service(out, service)
        case WorkloadDetail():
            _show_workload(out, found)
        case InstanceRow():
            _show_instance(out, found)
        case DeploymentRow():
            _show_deployment(out, found)
    return 0


def _is_service(found: WorkloadDetail | InstanceRow | DeploymentRow) -> bool:
    return isinstance(found, WorkloadDetail) and found.row.kind == "service"


def _find(client: Client, name: str) -> WorkloadDetail | InstanceRow | DeploymentRow:
    """Return what has the name or id; an id has a form of its own, but a workload may be called like one."""
    if name.startswith("d-"):
        deployment = next((row for row in client.deployments() if row.id == name), None)
        if deployment is not None:
            return deployment
    if name.startswith("i-"):
        try:
            return client.instance(name)
        except NotFoundError:
            pass
    try:
        return client.workload(name)
    except NotFoundError as error:
        raise NotFoundError(
            f"nothing here is called {name!r}", next_step="`kyc ps` and `kyc instances --all` list what there is."
        ) from error


def _show_workload(out: Output, detail: WorkloadDetail) -> None:
    row, at = detail.row, now()
    out.facts(
        {
            "name": Cell(row.name, "bold"),
            "kind": row.kind,
            "state": state_cell(row.state),
            "reason": row.reason,
            "step": step_of(row),
            "exit code": "" if row.exit_code is None else str(row.exit_code),
            "requested": moment(row.requested_at),
            "ended": moment(row.ended_at),
            "deadline": until(row.deadline_at, now=at),
            "interruptions": str(row.interruptions),
            "cost": f"{usd(row.cost_usd)}, {usd(row.saved_usd)} saved against on-demand",
            "forecast": "" if row.forecast_usd is None else f"{usd(row.forecast_usd)} at its end",
            "budget": "" if row.budget_usd is None else f"{usd(row.budget_usd)}, {row.budget_stage}",
            "course": f"{row.course.replace('_', '-')}: {row.course_reason}" if row.course_reason else "",
            "last snapshot": ago(row.last_snapshot_at, now=at),
            "unsafe for": span(row.rpo_s),
            "unsafe": ""
            if row.dirty_bytes is None
            else f"{size(row.dirty_bytes)}, safe in {span(row.flush_estimate_s)}",
            "run": " ".join(str(detail.spec.get("run", "")).split()),
        }
    )
    if detail.attempts:
        out.line()
        columns = ("ATTEMPT", "INSTANCE", "STATE", ">EPOCH", "STARTED", "ENDED", ">EXIT", "REASON")
        out.table(columns, [_attempt(attempt) for attempt in detail.attempts])
    if detail.recoveries:
        out.line()
        heads = ("INTERRUPTED", "INSTANCE", "BY", "REPLACEMENT", ">REQUESTED AFTER", ">WENT ON AFTER")
        out.table(heads, [_recovery(one) for one in detail.recoveries])


def _recovery(row: RecoveryRow) -> list[Cell | str]:
    went_on = "it ended" if row.ended and row.to_resumed_s is None else span(row.to_resumed_s) or "-"
    by = "a notice" if row.noticed else "its death"
    asked = span(row.to_replacement_requested_s) or "-"
    return [moment(row.at), row.instance, by, row.replacement or "-", asked, went_on]


def _attempt(row: AttemptRow) -> list[Cell | str]:
    code = "-" if row.exit_code is None else str(row.exit_code)
    return [row.id, row.instance, state_cell(row.state), str(row.epoch), moment(row.started_at), moment(row.ended_at), code, row.reason]  # fmt: skip  # noqa: E501


def _show_instance(out: Output, row: InstanceRow) -> None:
    at = now()
    out.facts(
        {
            "id": Cell(row.id, "bold"),
            "name": row.name,
            "state": state_cell(row.state),
            "reason": row.reason,
            "type": f"{row.type} in {row.zone} ({row.cloud}), {'spot' if row.spot else 'on-demand'}",
            "price": f"{usd(row.price_usd_per_hour)}/h, {usd(row.on_demand_usd_per_hour)}/h on demand",
            "cost": usd(row.cost_usd),
            "address": row.address or "",
            "workload": row.workload or "",
            "deployment": row.deployment,
            "provider's id": row.provider_id or "",
            "started": moment(row.started_at),
            "ended": moment(row.ended_at),
            "interrupted": until(row.notice_deadline_at, now=at),
        }
    )


def _show_deployment(out: Output, row: DeploymentRow) -> None:
    out.facts(
        {
            "id": Cell(row.id, "bold"),
            "state": state_cell(row.state),
            "offer": row.offer,
            "instances": ", ".join(row.instances),
            "requested": moment(row.requested_at),
            "reason": row.reason,
            "failure": row.failure,
        }
    )


def logs(args: argparse.Namespace, out: Output) -> int:
    """Show what a workload printed; with -f until it ends."""

    if args.name.startswith(DEPLOYMENT):
        return _deployment_log(args.name.removeprefix(DEPLOYMENT), out, follow=args.follow)

    def print_log(row: object) -> None:
        if isinstance(row, LogRow) and args.replica in {None, row.attempt}:
            show_log(out, row)

    with Client() as client:
        if args.follow:
            after = client.last_seq()
            watch_job(client, out, args.name, after=after, show=print_log)
        else:
            for row in client.all_logs(args.name, attempt=args.replica):
                show_log(out, row)
    return 0


def _deployment_log(deployment_id: str, out: Output, *, follow: bool) -> int:
    """Show what Terraform printed for a deployment; with `follow` until it is gone."""
    kinds, after = [EventKind.DEPLOYMENT_LOG, EventKind.DEPLOYMENT_DESTROYED], 0
    with Client() as client:
        for event in client.all_events(after=0, kinds=kinds, subject=deployment_id):
            _show_line(out, event)
            after = event.seq
            follow = follow and event.kind != EventKind.DEPLOYMENT_DESTROYED
        if after == 0:
            raise NotFoundError(f"nothing was logged for {deployment_id!r}", next_step="`kyc instances` shows them.")
        if follow:
            contact = tell_contact(out)
            with client.stream_events(after=after, kinds=kinds, subject=deployment_id, on_contact=contact) as stream:
                for event in stream:
                    _show_line(out, event)
                    if event.kind == EventKind.DEPLOYMENT_DESTROYED:
                        break
    return 0


def _show_line(out: Output, event: EventRow) -> None:
    if out.json:
        out.record(event)
    elif event.kind == EventKind.DEPLOYMENT_LOG:
        out.line(str(event.data.get("line", "")))


def show_log(out: Output, row: LogRow) -> None:
    """Print a piece of a job's output."""
    if out.json:
        out.record(row)
    else:
        out.line(row.text.removesuffix("\n"))


def events(args: argparse.Namespace, out: Output) -> int:
    """Show the timeline: all of it, from a time on, or live; a job's steps to people only if they ask for them."""
    kinds, since = _kinds(args.kind), _since(args.since)
    limited = kinds or args.subject or args.since
    if not kinds and not out.json:
        kinds = [kind.value for kind in EventKind if kind is not EventKind.JOB_PROGRESS]
    with Client() as client:
        after = 0 if since is None else client.seq_before(since)
        if args.follow:
            if since is None:
                after = _before_tail(client, kinds, args.subject)
            contact = tell_contact(out)
            with client.stream_events(after=after, kinds=kinds, subject=args.subject, on_contact=contact) as stream:
                for event in stream:
                    show_event(out, event)
        else:
            found = False
            for event in client.all_events(after=after, kinds=kinds, subject=args.subject):
                show_event(out, event)
                found = True
            if not found:
                out.note("No such events." if limited else "No events yet. `kyc run FILE` makes some.")
    return 0


def _before_tail(client: Client, kinds: list[str], subject: str | None) -> int:
    tail = client.events(kinds=kinds, subject=subject, tail=_TAIL)
    return tail[0].seq - 1 if tail else client.last_seq()


def _kinds(wanted: list[str]) -> list[str]:
    """Return the kinds that are meant: each is a kind, or the first word of some (`job` for all of `job.*`)."""
    found: list[str] = []
    for word in wanted:
        kinds = [kind.value for kind in EventKind if kind.value == word or kind.value.startswith(f"{word}.")]
        if not kinds:
            known = ", ".join(sorted({kind.value.split(".")[0] for kind in EventKind}))
            raise InvalidInputError(
                f"--kind: there are no events of the kind {word!r}",
                next_step=f"Give a whole kind such as job.started, or its first word: {known}.",
            )
        found += kinds
    return found


def _since(text: str | None) -> datetime | None:
    from kyc.wire.quantity import duration  # noqa: PLC0415  # only `events --since` needs it

    if text is None:
        return None
    try:
        return now() - duration(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(
            f"--since: {text!r} is neither a span such as 10m nor a time", next_step="Try --since 10m."
        ) from error
    return at if at.tzinfo else at.astimezone(UTC)


def why(args: argparse.Namespace, out: Output) -> int:
    """Show the reasons behind what happened to a workload, an instance or a deployment."""
    with Client() as client:
        found = _find(client, args.id)
        kinds = [kind.value for kind in EventKind if kind not in _WITHOUT_REASON]
        related = Related([args.id])
        told = [event for event in client.all_events(kinds=kinds) if related(event) and _is_about(event, args.id)]
    state, reason = _state_of(found)
    if out.json:
        out.document({"subject": args.id, "state": state, "reason": reason, "events": told})
        return 0
    out.line(f"{args.id}: {out.paint(state_cell(state))}" + (f", {reason}" if reason else ""))
    for event in told:
        show_event(out, event)
        for line in choice_lines(event):
            out.line(f"    {line}")
    return 0


_WITHOUT_REASON = {EventKind.DEPLOYMENT_LOG, EventKind.JOB_PROGRESS, EventKind.SNAPSHOT_COMMITTED}


def _is_about(event: EventRow, name: str) -> bool:
    return bool(event.reason) or event.subject == name


def _state_of(found: WorkloadDetail | InstanceRow | DeploymentRow) -> tuple[str, str]:
    match found:
        case WorkloadDetail():
            return found.row.state, found.row.reason
        case InstanceRow():
            return found.state, found.reason
        case DeploymentRow():
            return found.state, found.failure or found.reason
