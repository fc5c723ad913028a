"""One event as one line that is pleasant to watch: when, what, to whom, and the facts that matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kyc.cli.output import Cell
from kyc.cli.words import clock, plural, size, span, usd
from kyc.domain.event import EventKind
from kyc.wire.api import EventRow

Data = Mapping[str, object]
_KIND_WIDTH = 22
_SUBJECT_WIDTH = 12
_QUIET = {EventKind.DEPLOYMENT_LOG, EventKind.JOB_PROGRESS, EventKind.SNAPSHOT_COMMITTED}
_GOOD = {
    EventKind.REPLICA_READY,
    EventKind.SERVICE_READY,
    EventKind.JOB_SUCCEEDED,
    EventKind.JOB_STARTED,
    EventKind.JOB_RESUMED,
    EventKind.RESTORE_COMPLETED,
}
_WARNING = {
    EventKind.INTERRUPTION_REQUESTED,
    EventKind.INTERRUPTION_BEGUN,
    EventKind.INSTANCE_NOTICED,
    EventKind.INSTANCE_SUSPECTED,
    EventKind.JOB_MIGRATING,
    EventKind.REPLICA_UNREADY,
    EventKind.AGENT_TROUBLED,
    EventKind.STREAM_TROUBLED,
    EventKind.BUDGET_WARNED,
    EventKind.BUDGET_HELD,
    EventKind.JOB_STEERED,
    EventKind.ORPHAN_FOUND,
}
_BAD = {
    EventKind.DEPLOYMENT_FAILED,
    EventKind.INSTANCE_LOST,
    EventKind.JOB_FAILED,
    EventKind.REPLICA_DIED,
    EventKind.REPLICA_FAILED,
    EventKind.SERVICE_FAILED,
    EventKind.ATTEMPT_FENCED,
    EventKind.BUDGET_STOPPED,
    EventKind.DEADLINE_MISSED,
}


def describe(event: EventRow) -> str:
    """Return the event as plain text."""
    return "".join(cell.text for cell in cells(event))


def cells(event: EventRow) -> list[Cell]:
    """Return the event's line in its parts, each with its style; the reason comes last."""
    style = _style(event.kind)
    facts = _FACTS.get(event.kind, _others)(_untold(event))
    reason = f"{' · ' if facts else ''}{event.reason}" if event.reason else ""
    whole_dim = "dim" if style == "dim" else ""
    return [
        Cell(clock(event.at) + "  ", "dim"),
        Cell(event.kind.ljust(_KIND_WIDTH) + "  ", style),
        Cell(event.subject.ljust(_SUBJECT_WIDTH) + "  ", whole_dim or "bold"),
        Cell(facts, whole_dim),
        Cell(reason, "dim"),
    ]


def _untold(event: EventRow) -> Data:
    """Return the data without the exit code where the reason tells it."""
    told = event.data.get("exit_code") is not None and event.reason.endswith(f"with code {event.data['exit_code']}")
    return {key: value for key, value in event.data.items() if key != "exit_code"} if told else event.data


def _style(kind: str) -> str:
    for kinds, style in ((_QUIET, "dim"), (_GOOD, "green"), (_WARNING, "yellow"), (_BAD, "red")):
        if kind in kinds:
            return style
    return "cyan"


def _log(data: Data) -> str:
    return str(data.get("line", ""))


def _took(words: str) -> Callable[[Data], str]:
    return lambda data: f"{words} in {span(_amount(data, 'took_s'))}" if "took_s" in data else words


def _failed(data: Data) -> str:
    return f"next: {data['next_step']}" if data.get("next_step") else ""


def _requested(data: Data) -> str:
    price = f" at {usd(_amount(data, 'price_usd_per_hour'))}/h" if "price_usd_per_hour" in data else ""
    return f"{data.get('offer', '')}{price}"


def _replacement(data: Data) -> str:
    return f"{data.get('instance', '')} for {data.get('replaces', '')}: {_requested(data)}"


def _interruption(data: Data) -> str:
    notice_s = _amount(data, "notice_s")
    return f"with a notice of {span(notice_s)}" if notice_s else "killed without a notice"


def _noticed(data: Data) -> str:
    left = f" in {span(_amount(data, 'notice_s'))}" if data.get("notice_s") is not None else ""
    return "may be interrupted soon" if data.get("notice") == "rebalance" else f"will be taken away{left}"


def _ready(data: Data) -> str:
    return f"booted in {span(_amount(data, 'boot_s'))}" if "boot_s" in data else ""


def _lost(data: Data) -> str:
    silent_s = _amount(data, "silent_s")
    return f"silent for {span(silent_s)}" if silent_s >= 1 else ""


def _attempt(data: Data) -> str:
    return f"{data.get('attempt', '')} on {data.get('instance', '')}{_missed(data)}"


def _missed(data: Data) -> str:
    missed = data.get("missed")
    return f"; MISSED: {', '.join(map(str, missed))}" if isinstance(missed, list) and missed else ""


def _snapshot(data: Data) -> str:
    return (
        f"#{data.get('sequence')}: {_files(data)}, {size(_amount(data, 'sent_bytes'))} sent "
        f"in {span(_amount(data, 'took_s'))}, epoch {data.get('epoch')}{_missed(data)}"
    )


def _restore_started(data: Data) -> str:
    return "nothing to restore yet" if data.get("sequence") is None else f"from snapshot #{data['sequence']}"


def _restored(data: Data) -> str:
    if data.get("sequence") is None:
        return "there was nothing to restore"
    return (
        f"{_files(data)} of snapshot #{data['sequence']}, {size(_amount(data, 'fetched_bytes'))} fetched "
        f"in {span(_amount(data, 'took_s'))}"
    )


def _started(data: Data) -> str:
    start = "from the beginning" if data.get("sequence") is None else f"from snapshot #{data['sequence']}"
    told = f"{data.get('attempt', '')} on {data.get('instance', '')}, {start}, epoch {data.get('epoch')}"
    if data.get("recovery_s") is not None:
        told += f", {span(_amount(data, 'recovery_s'))} after the interruption"
    if data.get("pause_s") is None:
        return told
    delta = size(_amount(data, "final_delta_bytes"))
    return f"{told}, paused for {span(_amount(data, 'pause_s'))} ({delta} fetched after the flush)"


def _progress(data: Data) -> str:
    total = f" of {data['total']}" if data.get("total") is not None else ""
    return f"step {data.get('step')}{total}"


def _ended(data: Data) -> str:
    code = f"exit code {data['exit_code']}, " if data.get("exit_code") is not None else ""
    attempts, interruptions = int(_amount(data, "attempts")), int(_amount(data, "interruptions"))
    return f"{code}{plural(attempts, 'attempt')}, {plural(interruptions, 'interruption')}"


def _steered(data: Data) -> str:
    if "to" not in data:
        return f"leaves {data.get('from', '')}"
    left = f"{span(_amount(data, 'work_left_s'))} of work" if data.get("work_left_s") is not None else "unknown work"
    return f"{data.get('from')} -> {data['to']}: {left} in {span(_amount(data, 'time_left_s'))}, {_prices(data)}"


def _prices(data: Data) -> str:
    spot = usd(_amount(data, "spot_usd_per_hour")) if data.get("spot_usd_per_hour") is not None else "none"
    dear = usd(_amount(data, "on_demand_usd_per_hour")) if data.get("on_demand_usd_per_hour") is not None else "none"
    return f"restart {span(_amount(data, 'overhead_s'))}, spot {spot}/h, on-demand {dear}/h"


def _repriced(data: Data) -> str:
    return f"{usd(_amount(data, 'before_usd_per_hour'))}/h -> {usd(_amount(data, 'price_usd_per_hour'))}/h"


def _troubled(data: Data) -> str:
    return f"{data.get('instance', '')}" + (f", next: {data['next_step']}" if data.get("next_step") else "")


def _orphan(data: Data) -> str:
    where = f"{data.get('cloud', '')}/{data.get('zone', '')}"
    return f"{data.get('instance') or 'an instance'} in {where}"


def _replica(data: Data) -> str:
    where = f"{data.get('replica', '')} on {data.get('instance', '')}"
    more = _others({key: value for key, value in data.items() if key not in {"replica", "instance"}})
    return f"{where}{', ' if more else ''}{more}"


def _pulling(data: Data) -> str:
    done, total = _amount(data, "done_bytes"), _amount(data, "total_bytes")
    return f"{data.get('image', '')} on {data.get('instance', '')}: {size(done)} of {size(total)}"


def _scaled(data: Data) -> str:
    steps = [
        f"{data.get(f'was_{noun}')} -> {data.get(noun)} {noun}"
        for noun in ("instances", "replicas")
        if data.get(noun) != data.get(f"was_{noun}")
    ]
    return f"{', '.join(steps)}{_signals(data)}"


def _signals(data: Data) -> str:
    found = data.get("signals")
    if not isinstance(found, dict) or not found:
        return ""
    told = (f"{name} {'unknown' if value is None else f'{value:g}'}" for name, value in found.items())
    return f" ({', '.join(told)})"


def _edge(data: Data) -> str:
    if data.get("refused"):
        return f"refused; next: {data.get('next_step', '')}"
    changes = data.get("changes")
    told = "; ".join(f"{name}: {why}" for name, why in changes.items()) if isinstance(changes, dict) else ""
    after = data.get("after_notice_ms")
    late = f" ({max(after.values()):.0f} ms after the notice)" if isinstance(after, dict) and after else ""
    return f"{data.get('up')} up, {data.get('draining')} draining{late}: {told}"


def _moving(data: Data) -> str:
    return f"from {data.get('source')} to {data.get('target')}"


def _moved(data: Data) -> str:
    skipped = data.get("skipped")
    left = f"; SKIPPED: {', '.join(map(str, skipped))}" if isinstance(skipped, list) and skipped else ""
    told = plural(int(_amount(data, "snapshots")), "snapshot")
    return f"{told} {_moving(data)} in {span(_amount(data, 'took_s'))}{left}"


def _stayed(data: Data) -> str:
    return f"in {data.get('source')}"


def _weighed(data: Data) -> str:
    """Return which instance; both sides stand in the reason."""
    return str(data.get("instance", ""))


def _others(data: Data) -> str:
    """Return any data as words: `offer a/b, took 0.8 s`."""
    return ", ".join(_words(key, value) for key, value in data.items() if value not in (None, "", [], {}))


def _words(key: str, value: object) -> str:
    amount = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    for suffix, words in _UNITS.items():
        if amount is not None and key.endswith(suffix):
            return f"{key.removesuffix(suffix).replace('_', ' ')} {words(amount)}"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{key.replace('_', ' ')} {text}"


def _per_hour(amount: float) -> str:
    return f"{usd(amount)}/h"


_UNITS: Mapping[str, Callable[[float], str]] = {
    "_usd_per_hour": _per_hour,
    "_usd": usd,
    "_bytes": size,
    "_s": span,
}


def _files(data: Data) -> str:
    return f"{plural(int(_amount(data, 'files')), 'file')}, {size(_amount(data, 'bytes'))}"


def _amount(data: Data, key: str) -> float:
    value = data.get(key)
    return float(value) if isinstance(value, (int, float)) else 0.0


_FACTS: Mapping[str, Callable[[Data], str]] = {
    EventKind.DEPLOYMENT_LOG: _log,
    EventKind.DEPLOYMENT_SUCCEEDED: _took("applied"),
    EventKind.DEPLOYMENT_DESTROYED: _took("destroyed"),
    EventKind.DEPLOYMENT_FAILED: _failed,
    EventKind.INSTANCE_REQUESTED: _requested,
    EventKind.REPLACEMENT_REQUESTED: _replacement,
    EventKind.INTERRUPTION_REQUESTED: _interruption,
    EventKind.INTERRUPTION_BEGUN: _interruption,
    EventKind.INSTANCE_NOTICED: _noticed,
    EventKind.INSTANCE_WEIGHED: _weighed,
    EventKind.INSTANCE_READY: _ready,
    EventKind.INSTANCE_LOST: _lost,
    EventKind.ATTEMPT_PREPARED: _attempt,
    EventKind.ATTEMPT_RELEASED: _attempt,
    EventKind.ATTEMPT_FENCED: _attempt,
    EventKind.SNAPSHOT_COMMITTED: _snapshot,
    EventKind.SNAPSHOT_FLUSHED: _snapshot,
    EventKind.RESTORE_STARTED: _restore_started,
    EventKind.RESTORE_COMPLETED: _restored,
    EventKind.JOB_STARTED: _started,
    EventKind.JOB_RESUMED: _started,
    EventKind.JOB_PROGRESS: _progress,
    EventKind.JOB_STEERED: _steered,
    EventKind.INSTANCE_REPRICED: _repriced,
    EventKind.JOB_MIGRATING: _ended,
    EventKind.JOB_SUCCEEDED: _ended,
    EventKind.JOB_FAILED: _ended,
    EventKind.JOB_STOPPED: _ended,
    EventKind.AGENT_TROUBLED: _troubled,
    EventKind.STREAM_MOVING: _moving,
    EventKind.STREAM_MOVED: _moved,
    EventKind.STREAM_STAYED: _stayed,
    EventKind.STREAM_TROUBLED: _failed,
    EventKind.REPLICA_REQUESTED: _replica,
    EventKind.REPLICA_STARTED: _replica,
    EventKind.REPLICA_PULLING: _pulling,
    EventKind.REPLICA_READY: _replica,
    EventKind.REPLICA_UNREADY: _replica,
    EventKind.REPLICA_DIED: _replica,
    EventKind.REPLICA_DRAINING: _replica,
    EventKind.REPLICA_STOPPED: _replica,
    EventKind.REPLICA_FAILED: _replica,
    EventKind.SERVICE_SCALED: _scaled,
    EventKind.EDGE_UPDATED: _edge,
    EventKind.ORPHAN_FOUND: _orphan,
    EventKind.ORPHAN_REMOVED: _orphan,
}
