"""Resources into files that Envoy watches, and whether they are in force.

A version is the hash of what it stands for, so that nothing has to be remembered: what is in force is what Envoy says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import msgspec

from kyc.adapters.envoy.admin import Admin
from kyc.adapters.envoy.resource import Json
from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.hosting.files import write_private
from kyc.ports.clock import Clock

_FIRST_POLL_S, _LAST_POLL_S = 0.0005, 0.05


_SEE_LOG = "See envoy.log in the edge's folder."


class RefusedError(InvalidInputError):
    """Envoy cannot have these listeners; it has taken over the others."""

    def __init__(self, listeners: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in listeners.items()), next_step=_SEE_LOG)
        self.listeners = {
            name: InvalidInputError(f"{name}: {why}", next_step=_SEE_LOG) for name, why in listeners.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's resources with their version, and Envoy's name for the subscription that reads it."""

    path: Path
    subscription: str
    version: str
    content: bytes

    @staticmethod
    def of(path: Path, subscription: str, resources: Sequence[Json]) -> Document:
        """Return the document that holds these."""
        body = msgspec.json.encode(resources)
        version = blake2b(body, digest_size=8).hexdigest()
        content = b'{"version_info":"%s","resources":%s}' % (version.encode(), body)
        return Document(path=path, subscription=subscription, version=version, content=content)


@dataclass(slots=True)
class Publisher:
    """Writes documents and waits until they hold."""

    admin: Admin
    clock: Clock
    timeout_s: float = 20
    _held: dict[str, str] = field(default_factory=dict)
    _rejected: dict[str, int] = field(default_factory=dict)

    def forget(self) -> None:
        """Take nothing for known: another process may run now."""
        self._held.clear()
        self._rejected.clear()

    async def write(self, documents: Sequence[Document]) -> list[Document]:
        """Write those that are not in force; return them. Each is read by Envoy as soon as it is there."""
        unknown = [each.subscription for each in documents if each.subscription not in self._rejected]
        if unknown:
            await self._look(unknown)
        pending = [
            each for each in documents if self._held.get(each.subscription) != each.version or not each.path.exists()
        ]
        for document in pending:
            write_private(document.path, document.content, durable=False)
        return pending

    async def hold(self, documents: Iterable[Document]) -> None:
        """Return when these are in force; raise InvalidInputError if Envoy refuses one, UnreachableError."""
        open_ = {each.subscription: each for each in documents}
        if not open_:
            return
        before = dict(self._rejected)

        async def done() -> bool:
            await self._look(open_)
            for name in [name for name, each in open_.items() if self._held.get(name) == each.version]:
                del open_[name]
            refused = [name for name in open_ if self._rejected[name] > before.get(name, 0)]
            if refused:
                raise await self._why(refused)
            return not open_

        await self.until(done, "its files")

    async def put(self, documents: Sequence[Document]) -> None:
        """Write them and return when they are in force."""
        await self.hold(await self.write(documents))

    async def until(self, done: Callable[[], Awaitable[bool]], what: str) -> None:
        """Ask `done` again and again, slower and slower; raise UnreachableError once it took too long."""
        deadline = self.clock.monotonic_s() + self.timeout_s
        pause = _FIRST_POLL_S
        while not await done():
            if self.clock.monotonic_s() > deadline:
                raise UnreachableError(f"Envoy did not take over {what} in time", next_step="It is tried again.")
            await asyncio.sleep(pause)
            pause = min(_LAST_POLL_S, pause * 1.5)

    async def _look(self, subscriptions: Iterable[str]) -> None:
        names = list(subscriptions)
        stats = await self.admin.stats(
            f"{name}.{what}" for name in names for what in ("version_text", "update_rejected")
        )
        for name in names:
            self._held[name] = stats.get(f"{name}.version_text", "")
            self._rejected[name] = int(stats.get(f"{name}.update_rejected", "0"))

    async def _why(self, subscriptions: Sequence[str]) -> InvalidInputError:
        """Return what Envoy says against them."""
        dump = await self.admin.json("/config_dump?resource=dynamic_listeners")
        found = dump.get("configs", [])
        assert isinstance(found, list)
        states = [each["error_state"] for each in found if "error_state" in each]
        errors = {each["failed_configuration"]["name"]: each.get("details", "") for each in states}
        if not errors:
            return InvalidInputError(f"Envoy refuses {', '.join(subscriptions)}", next_step=_SEE_LOG)
        return RefusedError(errors)
