"""Compute Engine's warnings as seen from inside an instance: its metadata server.

`preempted` turns TRUE when a Spot VM is taken away: the ACPI soft off comes with it, and about 30 s later the end;
no time is named. `shutdown-details/stop-state` (only where graceful shutdown is on; else 404) says PENDING_STOP.
`maintenance-event` warns before the host's maintenance ends the VM; a live migration loses nothing. Asking for it is
what makes the server give that warning at all.

Sources: the Compute Engine documentation, "Spot VMs", "Query metadata server for maintenance event notices".
"""

from __future__ import annotations

import asyncio

from kyc.domain.errors import UnreachableError
from kyc.domain.interruption import Notice, NoticeKind
from kyc.ports.clock import Clock
from kyc.ports.notices import ANSWER_WITHIN_S, MetadataService

_ROOT = "/computeMetadata/v1/instance/"
_FLAVOR = {"Metadata-Flavor": "Google"}  # without it the server refuses (403)
_KINDS: dict[tuple[str, str], NoticeKind | None] = {
    ("preempted", "TRUE"): NoticeKind.INTERRUPTION,
    ("preempted", "FALSE"): None,
    ("shutdown-details/stop-state", "PENDING_STOP"): NoticeKind.INTERRUPTION,
    ("shutdown-details/stop-state", "STOPPING"): NoticeKind.INTERRUPTION,
    ("shutdown-details/stop-state", "NONE"): None,
    ("shutdown-details/stop-state", ""): None,
    ("maintenance-event", "TERMINATE_ON_HOST_MAINTENANCE"): NoticeKind.REBALANCE,
    ("maintenance-event", "MIGRATE_ON_HOST_MAINTENANCE"): None,
    ("maintenance-event", "NONE"): None,
}
_KEYS = ("preempted", "shutdown-details/stop-state", "maintenance-event")  # what is most urgent first


class GceNotices:
    """The NoticeSource port on Compute Engine's metadata server."""

    def __init__(self, clock: Clock, service: MetadataService) -> None:
        self._clock = clock
        self._service = service
        self._told: Notice | None = None

    async def poll(self) -> Notice | None:
        """Return what is announced; see the port. No time is ever named; the first sight of each kind is kept."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                kind = await self._kind()
        except TimeoutError as error:
            raise self._unreachable(f"no answer within {ANSWER_WITHIN_S} s") from error
        if kind is None:
            self._told = None
        elif self._told is None or self._told.kind is not kind:
            self._told = Notice(kind=kind, noticed_at=self._clock.now())
        return self._told

    async def acknowledge(self) -> None:
        """Do nothing: Compute Engine takes no such word."""

    async def _kind(self) -> NoticeKind | None:
        for key in _KEYS:
            kind = await self._announced(key)
            if kind is not None:
                return kind
        return None

    async def _announced(self, key: str) -> NoticeKind | None:
        answer = await self._service.ask("GET", _ROOT + key, _FLAVOR)
        if answer.status == 404:
            return None
        word = answer.body.strip()
        if answer.status != 200 or (key, word) not in _KINDS:
            raise self._unreachable(f"status {answer.status} and {word[:80]!r} for {key}")
        return _KINDS[key, word]

    def _unreachable(self, why: str) -> UnreachableError:
        return UnreachableError(
            f"the metadata server at {self._service.url} cannot be read: {why}",
            next_step="Look at it in the instance: curl -H 'Metadata-Flavor: Google' "
            "http://metadata.google.internal/computeMetadata/v1/instance/preempted",
        )
