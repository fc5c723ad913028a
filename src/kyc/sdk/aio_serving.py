"""The calls about services: a part of `AsyncClient`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from kyc.sdk import calls
from kyc.sdk.calls import Call
from kyc.sdk.submission import prepare_service
from kyc.wire import api

T = TypeVar("T")


class _AsyncCaller(Protocol):
    async def upload(self, folder: Path) -> tuple[str, tuple[str, ...]]: ...

    async def _call(self, call: Call[T]) -> T: ...


class AsyncServiceCalls:
    """What a client can ask about services; see `ServiceCalls` for what each does and raises."""

    async def services(self: _AsyncCaller) -> list[api.ServiceRow]:
        """Return every service, also those that have ended."""
        return await self._call(calls.services())

    async def service(self: _AsyncCaller, name: str) -> api.ServiceDetail:
        """Return one service with its instances, replicas and their load."""
        return await self._call(calls.service(name))

    async def serve(
        self: _AsyncCaller,
        source: str | Path,
        *,
        name: str | None = None,
        envs: Mapping[str, str] | None = None,
        dry_run: bool = False,
    ) -> api.ServicePlan:
        """Submit a service file (its path, or its text) and return what became of it, without waiting."""
        wanted = await asyncio.to_thread(prepare_service, source, name=name, envs=envs)
        archive: str | None = None
        warnings: tuple[str, ...] = ()
        if wanted.workdir is not None and not dry_run:
            archive, warnings = await self.upload(wanted.workdir)
        request = api.ServiceRequest(file=wanted.text, workdir=archive, name=wanted.name, dry_run=dry_run)
        plan = await self._call(calls.serve(request))
        return replace(plan, warnings=[*plan.warnings, *warnings])

    async def traffic(
        self: _AsyncCaller, name: str, *, since: datetime | None = None, limit: int | None = None
    ) -> list[api.TrafficPoint]:
        """Return a service's last half hour, a point a second, oldest first."""
        return await self._call(calls.traffic(name, since=since, limit=limit))

    async def try_service(
        self: _AsyncCaller, name: str, *, count: int = 10, path: str = "/", together: int = 4
    ) -> api.TrialReport:
        """Send test requests through the service's edge and return who answered each."""
        return await self._call(calls.try_service(name, api.TrialRequest(count=count, path=path, together=together)))
