"""The calls about services: a part of `Client`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from kyc.sdk import calls
from kyc.sdk.calls import Call
from kyc.wire import api

T = TypeVar("T")


class _Caller(Protocol):
    def upload(self, folder: Path, *, on_step: Callable[[str], None] | None = None) -> tuple[str, tuple[str, ...]]: ...

    def _call(self, call: Call[T]) -> T: ...


class ServiceCalls:
    """What a client can ask about services."""

    def services(self: _Caller) -> list[api.ServiceRow]:
        """Return every service, also those that have ended."""
        return self._call(calls.services())

    def service(self: _Caller, name: str) -> api.ServiceDetail:
        """Return one service with its instances, replicas and their load; raise NotFoundError."""
        return self._call(calls.service(name))

    def serve(
        self: _Caller,
        source: str | Path,
        *,
        name: str | None = None,
        envs: Mapping[str, str] | None = None,
        dry_run: bool = False,
        on_step: Callable[[str], None] | None = None,
    ) -> api.ServicePlan:
        """Submit a service file (its path, or its text) and return what became of it, without waiting.

        The name of a running service makes its next revision: its replicas are replaced without a failed request.
        Raises InvalidInputError for a file that cannot be accepted, ConflictError for a name or port that is taken.
        """
        from kyc.sdk.submission import prepare_service  # noqa: PLC0415  # reads YAML, which most calls do not need

        wanted = prepare_service(source, name=name, envs=envs)
        archive: str | None = None
        warnings: tuple[str, ...] = ()
        if wanted.workdir is not None and not dry_run:
            archive, warnings = self.upload(wanted.workdir, on_step=on_step)
        request = api.ServiceRequest(file=wanted.text, workdir=archive, name=wanted.name, dry_run=dry_run)
        plan = self._call(calls.serve(request))
        return replace(plan, warnings=[*plan.warnings, *warnings])

    def traffic(
        self: _Caller, name: str, *, since: datetime | None = None, limit: int | None = None
    ) -> list[api.TrafficPoint]:
        """Return a service's last half hour, a point a second, oldest first; raise NotFoundError."""
        return self._call(calls.traffic(name, since=since, limit=limit))

    def try_service(
        self: _Caller, name: str, *, count: int = 10, path: str = "/", together: int = 4
    ) -> api.TrialReport:
        """Send test requests through the service's edge and return who answered each; raise NotFoundError."""
        return self._call(calls.try_service(name, api.TrialRequest(count=count, path=path, together=together)))
