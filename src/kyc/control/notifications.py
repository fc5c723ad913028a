"""The notifications loop: brings events to the targets people chose, each once; and what people ask of it.

A target's mark moves only with a delivery that was taken. Before each one the target is claimed, so that of several
masters one sends; if that one dies in between, the delivery is made again after a minute, for a message that comes
twice is better than none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from kyc.control.context import Context, write_fresh
from kyc.domain.errors import InvalidInputError, KycError, NotFoundError, StaleWriteError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import TargetId, UserName, new_target_id
from kyc.domain.notification import Notification, ReadMark, Severity, Target, Topic
from kyc.planning.notification import KINDS, arrived, claimed, failed, is_due, kinds_of, notification_of
from kyc.ports.notifier import Notifier
from kyc.ports.store import EventFilter

_PAGE = 200
_MOST_AT_ONCE = 20  # deliveries to one target in a tick, so that others get their turn
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Notifications:
    """Deliveries, targets, and what each user has read."""

    context: Context
    notifier: Notifier

    async def tick(self) -> None:
        """Send what is due, to all targets at the same time."""
        targets = await self.context.store.admin_records(Target, live_only=True)
        async with asyncio.TaskGroup() as group:
            for target in targets:
                group.create_task(self._serve(target))

    async def _serve(self, target: Target) -> None:
        with suppress(StaleWriteError):  # somebody changed the target, or another master sends: the next tick sees
            for _ in range(_MOST_AT_ONCE):
                if not is_due(target, now=self.context.clock.now()):
                    return
                found, after = await self._next(target)
                if found is None:
                    if after > target.after_seq:
                        await self.context.store.save(replace(target, after_seq=after))
                    return
                after_it = await self._deliver(target, found)
                if after_it is None:
                    return
                target = after_it

    async def _next(self, target: Target) -> tuple[Notification | None, int]:
        """Return the next notification for the target, and up to where there is none before it."""
        after, wanted = target.after_seq, EventFilter(kinds=kinds_of(target.topics))
        while events := await self.context.store.events_after(after, limit=_PAGE, wanted=wanted):
            for event in events:
                found = notification_of(event)
                if found is not None and event.data.get("target_id") != target.id:  # not its own failure to itself
                    return found, after
                after = event.seq
        return None, after

    async def _deliver(self, target: Target, found: Notification) -> Target | None:
        """Claim the target, send, and note what came of it; None if the target is gone meanwhile."""
        await self.context.store.save(claimed(target, found.seq, now=self.context.clock.now()))
        why = None
        try:
            await self._send(target, found.title, found.text, found.severity)
        except KycError as error:
            why = str(error)
        return await write_fresh(lambda: self._note(target.id, found, why))

    async def _note(self, target_id: TargetId, found: Notification, why: str | None) -> Target | None:
        target = await self.context.store.admin_record(Target, target_id)
        if target is None or target.is_over or target.sending_seq != found.seq:
            return None
        now = self.context.clock.now()
        if why is None:
            after, given_up = arrived(target, found.seq, now=now), False
        else:
            after, given_up = failed(target, found.seq, why, now=now)
        events = [self._given_up(target, found, why or "")] if given_up else []
        await self.context.store.save(after, events=events)
        return replace(after, version=target.version + 1)

    async def _send(self, target: Target, title: str, text: str, severity: Severity) -> None:
        address = self.context.secrets.open(target.sealed_address, purpose=_purpose(target.id)).decode()
        await self.notifier.send(address, title=title, text=text, severity=severity)

    # --- what people ask for ---

    async def targets(self) -> list[Target]:
        """Return the targets, oldest first."""
        return await self.context.store.admin_records(Target, live_only=True)

    async def add(self, name: str, address: str, topics: Sequence[Topic]) -> Target:
        """Store a target for what happens from now on; raise InvalidInputError for an address no service knows."""
        read = await self.notifier.read(address)
        target_id = new_target_id(self.context.rng)
        target = Target(
            id=target_id,
            name=_checked_name(name or read.service),
            service=read.service,
            shown=read.shown,
            sealed_address=self.context.secrets.seal(address.encode(), purpose=_purpose(target_id)),
            topics=tuple(topics) or tuple(Topic),
            created_at=self.context.clock.now(),
            after_seq=await self.context.store.last_event_seq(),
        )
        await self.context.store.save(target)
        return replace(target, version=1)

    async def change(self, target_id: str, *, name: str | None, topics: Sequence[Topic] | None) -> Target:
        """Rename a target or choose other topics; raise NotFoundError."""
        return await write_fresh(lambda: self._change(target_id, name, topics))

    async def test(self, target_id: str) -> None:
        """Send a message now; raise NotFoundError, or UnreachableError with what the service says."""
        target = await self._target(target_id)
        text = "This is how notifications of Keep Your Cost arrive here."
        await self._send(target, "A test", text, Severity.INFO)

    async def remove(self, target_id: str) -> None:
        """Send nothing there any more, and forget its address; raise NotFoundError."""
        await write_fresh(lambda: self._remove(target_id))

    async def unread(self, user: UserName) -> list[Notification]:
        """Return what the user has not seen, oldest first, `MOST_COUNTED` at most."""
        mark = await self.mark_of(user)
        found: list[Notification] = []
        while len(found) < MOST_COUNTED:
            events = await self.context.store.events_after(mark, limit=_PAGE, wanted=EventFilter(kinds=KINDS))
            found += [told for event in events if (told := notification_of(event)) is not None]
            if len(events) < _PAGE:
                break
            mark = events[-1].seq
        return found[:MOST_COUNTED]

    async def mark_of(self, user: UserName) -> int:
        """Return up to which event the user has seen them."""
        mark = await self.context.store.admin_record(ReadMark, user)
        return 0 if mark is None else mark.seq

    async def mark_read(self, user: UserName, seq: int) -> None:
        """Note that the user has seen everything up to there; going back is nothing."""
        await write_fresh(lambda: self._mark(user, seq))

    async def _mark(self, user: UserName, seq: int) -> None:
        before = await self.context.store.admin_record(ReadMark, user)
        upto = min(seq, await self.context.store.last_event_seq())
        if before is None or before.seq < upto:
            await self.context.store.save(ReadMark(user=user, seq=upto, version=before.version if before else 0))

    async def _change(self, target_id: str, name: str | None, topics: Sequence[Topic] | None) -> Target:
        target = await self._target(target_id)
        changed = replace(
            target,
            name=target.name if name is None else _checked_name(name),
            topics=target.topics if topics is None else tuple(topics),
        )
        await self.context.store.save(changed)
        return changed

    async def _remove(self, target_id: str) -> None:
        target = await self._target(target_id)
        await self.context.store.save(replace(target, removed=True, sealed_address="", shown=""))

    async def _target(self, target_id: str) -> Target:
        target = await self.context.store.admin_record(Target, target_id)
        if target is None or target.is_over:
            raise NotFoundError(f"no target has the id {target_id[:80]!r}", next_step="`kyc notify list` lists them.")
        return target

    def _given_up(self, target: Target, found: Notification, why: str) -> Event:
        return Event(
            kind=EventKind.NOTIFICATION_FAILED,
            subject=target.id,
            at=self.context.clock.now(),
            data={"target": target.name, "target_id": target.id, "event": found.seq},
            reason=why,
        )


def _purpose(target_id: str) -> str:
    return f"notify {target_id}"


def _checked_name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= 80:
        raise InvalidInputError("name: give the target a name of 1 to 80 characters")
    return name
