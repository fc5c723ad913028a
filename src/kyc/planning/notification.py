"""Which events are told to people, in which words; and when a delivery that failed is tried again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kyc.domain.event import Event, EventKind
from kyc.domain.interruption import NoticeKind
from kyc.domain.notification import Notification, Severity, Target, Topic

FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(minutes=30)
MOST_TRIES = 12  # in a row for one notification: about three hours
SENDING_TAKES = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """How a kind of event is told. `title` takes the event; `when` says which of the kind are told at all."""

    topic: Topic
    severity: Severity
    title: Callable[[Event], str]
    when: Callable[[Event], bool] = lambda _: True


def _is_interruption(event: Event) -> bool:
    return event.data.get("notice") != NoticeKind.REBALANCE


def _missed(event: Event) -> bool:
    return bool(event.data.get("missed"))


_I, _W, _D, _M, _T = Topic.INTERRUPTION, Topic.WORK, Topic.DATA, Topic.MONEY, Topic.TROUBLE
_INFO, _GOOD, _WARN, _BAD = Severity.INFO, Severity.SUCCESS, Severity.WARNING, Severity.FAILURE
_K = EventKind
_TOLD: Mapping[EventKind, _Told] = {
    _K.INSTANCE_NOTICED: _Told(
        topic=_I, severity=_WARN, title=lambda e: f"{e.subject} will be interrupted", when=_is_interruption
    ),
    _K.INSTANCE_LOST: _Told(topic=_I, severity=_WARN, title=lambda e: f"{e.subject} is lost"),
    _K.REPLACEMENT_REQUESTED: _Told(topic=_I, severity=_INFO, title=lambda e: f"A replacement for {e.subject}"),
    _K.JOB_RESUMED: _Told(topic=_I, severity=_GOOD, title=lambda e: f"{e.subject} goes on"),
    _K.JOB_SUCCEEDED: _Told(topic=_W, severity=_GOOD, title=lambda e: f"{e.subject} succeeded"),
    _K.JOB_FAILED: _Told(topic=_W, severity=_BAD, title=lambda e: f"{e.subject} failed"),
    _K.JOB_STOPPED: _Told(topic=_W, severity=_INFO, title=lambda e: f"{e.subject} was stopped"),
    _K.DEADLINE_MISSED: _Told(topic=_W, severity=_WARN, title=lambda e: f"{e.subject} is late"),
    _K.RESTORE_COMPLETED: _Told(topic=_D, severity=_GOOD, title=lambda e: f"{e.subject}: the files are back"),
    _K.SNAPSHOT_FLUSHED: _Told(
        topic=_D, severity=_WARN, title=lambda e: f"{e.subject}: not every file was saved in time", when=_missed
    ),
    _K.AGENT_TROUBLED: _Told(
        topic=_D, severity=_WARN, title=lambda e: f"{e.subject} has trouble", when=lambda e: not e.data.get("over")
    ),
    _K.BUDGET_WARNED: _Told(topic=_M, severity=_WARN, title=lambda e: f"Budget {e.subject}: most of it is spent"),
    _K.BUDGET_HELD: _Told(topic=_M, severity=_WARN, title=lambda e: f"Budget {e.subject}: nothing more is bought"),
    _K.BUDGET_STOPPED: _Told(topic=_M, severity=_BAD, title=lambda e: f"Budget {e.subject} is spent"),
    _K.PRICE_ALERTED: _Told(topic=Topic.PRICE, severity=_WARN, title=lambda e: f"Price alert: {e.data.get('type')}"),
    _K.DEPLOYMENT_FAILED: _Told(topic=_T, severity=_BAD, title=lambda e: f"Deployment {e.subject} failed"),
    _K.ORPHAN_FOUND: _Told(topic=_T, severity=_WARN, title=lambda e: f"An instance nobody knows: {e.subject}"),
    _K.ORPHAN_REMOVED: _Told(topic=_T, severity=_INFO, title=lambda e: f"{e.subject}, which nobody knew, is removed"),
    _K.SIGN_IN_REFUSED: _Told(topic=_T, severity=_WARN, title=lambda e: f"Somebody guesses {e.subject}'s password"),
    _K.NOTIFICATION_FAILED: _Told(topic=_T, severity=_WARN, title=lambda e: f"{e.data.get('target')} does not answer"),
}
KINDS = frozenset(_TOLD)


def kinds_of(topics: Iterable[Topic]) -> frozenset[EventKind]:
    """Return the kinds of events that these topics have."""
    wanted = set(topics)
    return frozenset(kind for kind, told in _TOLD.items() if told.topic in wanted)


def notification_of(event: Event) -> Notification | None:
    """Return the event in words; None for one that people are not told of."""
    told = _TOLD.get(event.kind)
    if told is None or not told.when(event):
        return None
    return Notification(
        seq=event.seq,
        at=event.at,
        topic=told.topic,
        severity=told.severity,
        subject=event.subject,
        title=told.title(event),
        text=event.reason,
    )


def is_due(target: Target, *, now: datetime) -> bool:
    """Say whether something may be sent there now: nobody else is at it, and a failure is long enough ago."""
    if target.sending_until is not None and now < target.sending_until:
        return False
    return target.retry_at is None or now >= target.retry_at


def claimed(target: Target, seq: int, *, now: datetime) -> Target:
    """Return the target as one at which this is being sent."""
    return replace(target, sending_seq=seq, sending_until=now + SENDING_TAKES)


def arrived(target: Target, seq: int, *, now: datetime) -> Target:
    """Return the target after a delivery."""
    rest = replace(target, sending_seq=None, sending_until=None, tries=0, retry_at=None, failure="")
    return replace(rest, after_seq=seq, sent=target.sent + 1, sent_at=now)


def failed(target: Target, seq: int, why: str, *, now: datetime) -> tuple[Target, bool]:
    """Return the target after a failure, and whether this notification is given up."""
    tries = target.tries + 1
    rest = replace(target, sending_seq=None, sending_until=None, failure=why)
    if tries >= MOST_TRIES:
        return replace(rest, after_seq=seq, tries=0, retry_at=now + LONGEST_RETRY), True
    wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** (tries - 1))
    return replace(rest, tries=tries, retry_at=now + wait), False
