"""Azure's warnings as seen from inside a virtual machine: Scheduled Events of the instance metadata service.

The first call enables the service, which may take two minutes, and a day without a call disables it: so the agent asks
from its start on, once a second. The events of a whole group are shown to each of its machines: only those with this
machine's name count. An acknowledgement starts an event for all machines it names: only an event of this machine alone
is acknowledged. Preempt comes at least 30 s ahead.

Source: Azure's documentation, "Scheduled Events for Linux VMs", API version 2020-07-01.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec

from kyc.domain.errors import UnreachableError
from kyc.domain.interruption import Notice, NoticeKind
from kyc.ports.clock import Clock
from kyc.ports.notices import ANSWER_WITHIN_S, Answer, MetadataService

_EVENTS_PATH = "/metadata/scheduledevents?api-version=2020-07-01"
_NAME_PATH = "/metadata/instance/compute/name?api-version=2021-02-01&format=text"
_HEADERS = {"Metadata": "true"}  # without it the service refuses (400)
_KINDS = {  # what is most urgent first; a Freeze pauses the machine for seconds and loses nothing
    "Preempt": NoticeKind.INTERRUPTION,
    "Terminate": NoticeKind.INTERRUPTION,
    "Redeploy": NoticeKind.REBALANCE,
    "Reboot": NoticeKind.REBALANCE,
}


class _Event(msgspec.Struct, frozen=True, rename="pascal"):
    event_id: str
    event_type: str
    event_status: str
    resources: list[str]
    not_before: str = ""  # empty once the event has started


class _Document(msgspec.Struct, frozen=True, rename="pascal"):
    document_incarnation: int
    events: list[_Event]


class AzureNotices:
    """The NoticeSource port on Azure's instance metadata service."""

    def __init__(self, clock: Clock, service: MetadataService) -> None:
        self._clock = clock
        self._service = service
        self._name: str | None = None
        self._seen: dict[str, Notice] = {}  # by event id: as it was first told, for a started one names no time

    async def poll(self) -> Notice | None:
        """Return what is announced for this machine; see the port. An event keeps what was first said of it."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                events = await self._own_events()
        except TimeoutError as error:
            raise self._unreachable(f"no answer within {ANSWER_WITHIN_S} s") from error
        self._seen = {event.event_id: self._seen.get(event.event_id) or self._notice(event) for event in events}
        return self._seen[events[0].event_id] if events else None

    async def acknowledge(self) -> None:
        """Let Azure start the interruption of this machine, if that concerns no other one."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                alone = [e.event_id for e in await self._own_events() if _may_start(e)]
                if alone:
                    body = msgspec.json.encode({"StartRequests": [{"EventId": one} for one in alone]}).decode()
                    self._ok(await self._service.ask("POST", _EVENTS_PATH, _HEADERS, body), "an acknowledgement")
        except TimeoutError as error:
            raise self._unreachable(f"no answer within {ANSWER_WITHIN_S} s") from error

    async def _own_events(self) -> list[_Event]:
        """Return the events that take this machine away or restart it, the most urgent first."""
        document = await self._document()
        urgency = list(_KINDS)
        wanted = [event for event in document.events if event.event_type in _KINDS]
        if not wanted:
            return []
        name = await self._own_name()
        own = [event for event in wanted if name in event.resources]
        return sorted(own, key=lambda event: (urgency.index(event.event_type), event.event_id))

    async def _document(self) -> _Document:
        body = self._ok(await self._service.ask("GET", _EVENTS_PATH, _HEADERS), "the scheduled events")
        try:
            return msgspec.json.decode(body, type=_Document)
        except msgspec.DecodeError as error:
            raise self._unreachable(f"no document of events: {error}") from error

    async def _own_name(self) -> str:
        if self._name is None:
            answer = await self._service.ask("GET", _NAME_PATH, _HEADERS)
            name = self._ok(answer, "the machine's name").strip()
            if not name:
                raise self._unreachable("the machine has no name")
            self._name = name
        return self._name

    def _notice(self, event: _Event) -> Notice:
        deadline = self._time(event.not_before) if event.not_before else None
        kind = _KINDS[event.event_type]
        if kind is NoticeKind.REBALANCE:
            deadline = None  # the machine comes back: it is a hint to leave, not an end
        return Notice(kind=kind, noticed_at=self._clock.now(), deadline_at=deadline)

    def _time(self, text: str) -> datetime:
        """Read a time such as `Mon, 19 Sep 2016 18:29:47 GMT`."""
        try:
            return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        except ValueError as error:
            raise self._unreachable(f"a time that is none: {text[:80]!r}") from error

    def _ok(self, answer: Answer, what: str) -> str:
        if answer.status != 200:
            raise self._unreachable(f"status {answer.status} for {what}")
        return answer.body

    def _unreachable(self, why: str) -> UnreachableError:
        return UnreachableError(
            f"the metadata service at {self._service.url} cannot be read: {why}",
            next_step="The first call enables Scheduled Events, which may take two minutes. If it lasts: "
            "curl --noproxy '*' -H Metadata:true 'http://169.254.169.254/metadata/scheduledevents?api-version=2020-07-01'",
        )


def _may_start(event: _Event) -> bool:
    ending = _KINDS[event.event_type] is NoticeKind.INTERRUPTION
    return ending and event.event_status == "Scheduled" and len(event.resources) == 1
