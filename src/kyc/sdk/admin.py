"""The calls about people, alerts, notifications and what is watched, for both clients."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from kyc.sdk import admin_calls
from kyc.sdk.calls import Call
from kyc.wire import api

T = TypeVar("T")


class _Caller(Protocol):
    def _call(self, call: Call[T]) -> T: ...


class _AsyncCaller(Protocol):
    async def _call(self, call: Call[T]) -> T: ...


class AdminCalls:
    """What a client can do about people and what they watch; part of `kyc.sdk.client.Client`."""

    def me(self: _Caller) -> api.Me:
        """Return who this client is, and what it may do."""
        return self._call(admin_calls.me())

    def sign_in_link(self: _Caller) -> api.SignInLink:
        """Return an address that signs one browser in, once; for the master's own token only."""
        return self._call(admin_calls.sign_in_link())

    def users(self: _Caller) -> list[api.UserRow]:
        """Return the users; for administrators."""
        return self._call(admin_calls.users())

    def add_user(self: _Caller, name: str, password: str, *, role: str = "viewer") -> api.UserRow:
        """Add a user, as `viewer` or `admin`; raise ConflictError for a name in use."""
        return self._call(admin_calls.add_user(api.UserRequest(name=name, password=password, role=role)))

    def change_user(self: _Caller, name: str, *, role: str | None = None, password: str | None = None) -> api.UserRow:
        """Give a user another role or password; raise NotFoundError."""
        return self._call(admin_calls.change_user(name, api.UserChange(role=role, password=password)))

    def remove_user(self: _Caller, name: str) -> None:
        """Remove a user, and end its sessions and tokens; raise NotFoundError."""
        self._call(admin_calls.remove_user(name))

    def tokens(self: _Caller) -> list[api.TokenRow]:
        """Return the API tokens that work."""
        return self._call(admin_calls.tokens())

    def create_token(
        self: _Caller, name: str, *, role: str = "viewer", expires_s: float | None = 90 * 86_400
    ) -> api.NewToken:
        """Make a token; it is in the answer, and nowhere else afterwards."""
        return self._call(admin_calls.create_token(api.TokenRequest(name=name, role=role, expires_s=expires_s)))

    def revoke_token(self: _Caller, token_id: str) -> None:
        """End a token; raise NotFoundError."""
        self._call(admin_calls.revoke_token(token_id))

    def alerts(self: _Caller) -> list[api.AlertRow]:
        """Return the price alerts."""
        return self._call(admin_calls.alerts())

    def add_alert(self: _Caller, request: api.AlertRequest) -> api.AlertRow:
        """Have something happen each time a spot price crosses a line; raise NotFoundError for an unknown market."""
        return self._call(admin_calls.add_alert(request))

    def remove_alert(self: _Caller, alert_id: str) -> None:
        """Forget an alert; raise NotFoundError."""
        self._call(admin_calls.remove_alert(alert_id))

    def price_history(
        self: _Caller,
        cloud: str,
        region: str,
        instance_type: str,
        *,
        zone: str | None = None,
        since: datetime | None = None,
    ) -> api.PriceHistory:
        """Return how a spot price changed, a week back by default."""
        return self._call(admin_calls.price_history(cloud, region, instance_type, zone, since))

    def targets(self: _Caller) -> list[api.TargetRow]:
        """Return where notifications are sent."""
        return self._call(admin_calls.targets())

    def add_target(self: _Caller, address: str, *, name: str = "", topics: Sequence[str] = ()) -> api.TargetRow:
        """Have notifications (of all topics by default) sent to an address of apprise; raise InvalidInputError."""
        return self._call(admin_calls.add_target(api.TargetRequest(address=address, name=name, topics=list(topics))))

    def test_target(self: _Caller, target_id: str) -> None:
        """Send a message there now; raise UnreachableError with what the service says."""
        self._call(admin_calls.test_target(target_id))

    def remove_target(self: _Caller, target_id: str) -> None:
        """Send nothing there any more; raise NotFoundError."""
        self._call(admin_calls.remove_target(target_id))

    def notifications(
        self: _Caller, *, topics: Sequence[str] = (), before: int | None = None, limit: int = 50
    ) -> api.NotificationPage:
        """Return what people are told, newest first."""
        return self._call(admin_calls.notifications(topics, before, limit))

    def overview(self: _Caller) -> api.Overview:
        """Return how everything is."""
        return self._call(admin_calls.overview())

    def cost_series(
        self: _Caller, name: str | None = None, *, since: datetime | None = None, step_s: float | None = None
    ) -> api.CostSeries:
        """Return what was spent and saved, as sums over time."""
        return self._call(admin_calls.cost_series(name, since, step_s))

    def metrics(
        self: _Caller, instance_id: str, *, since: datetime | None = None, step_s: float = 10
    ) -> api.MetricSeries:
        """Return what an instance's agent measured, an hour back by default; raise NotFoundError."""
        return self._call(admin_calls.metrics(instance_id, since, step_s))

    def rerun(self: _Caller, name: str) -> api.WorkloadRow:
        """Submit a job anew, under the next free name; raise NotFoundError."""
        return self._call(admin_calls.rerun(name))

    def check_file(self: _Caller, text: str) -> api.FileCheck:
        """Say what is wrong with a workload file's text, and where."""
        return self._call(admin_calls.check_file(api.CheckRequest(file=text)))


class AsyncAdminCalls:
    """What a client can do about people and what they watch; part of `kyc.sdk.aio.AsyncClient`."""

    async def me(self: _AsyncCaller) -> api.Me:
        """Return who this client is, and what it may do."""
        return await self._call(admin_calls.me())

    async def sign_in_link(self: _AsyncCaller) -> api.SignInLink:
        """Return an address that signs one browser in, once; for the master's own token only."""
        return await self._call(admin_calls.sign_in_link())

    async def users(self: _AsyncCaller) -> list[api.UserRow]:
        """Return the users; for administrators."""
        return await self._call(admin_calls.users())

    async def add_user(self: _AsyncCaller, name: str, password: str, *, role: str = "viewer") -> api.UserRow:
        """Add a user, as `viewer` or `admin`; raise ConflictError for a name in use."""
        return await self._call(admin_calls.add_user(api.UserRequest(name=name, password=password, role=role)))

    async def change_user(
        self: _AsyncCaller, name: str, *, role: str | None = None, password: str | None = None
    ) -> api.UserRow:
        """Give a user another role or password; raise NotFoundError."""
        return await self._call(admin_calls.change_user(name, api.UserChange(role=role, password=password)))

    async def remove_user(self: _AsyncCaller, name: str) -> None:
        """Remove a user, and end its sessions and tokens; raise NotFoundError."""
        await self._call(admin_calls.remove_user(name))

    async def tokens(self: _AsyncCaller) -> list[api.TokenRow]:
        """Return the API tokens that work."""
        return await self._call(admin_calls.tokens())

    async def create_token(
        self: _AsyncCaller, name: str, *, role: str = "viewer", expires_s: float | None = 90 * 86_400
    ) -> api.NewToken:
        """Make a token; it is in the answer, and nowhere else afterwards."""
        return await self._call(admin_calls.create_token(api.TokenRequest(name=name, role=role, expires_s=expires_s)))

    async def revoke_token(self: _AsyncCaller, token_id: str) -> None:
        """End a token; raise NotFoundError."""
        await self._call(admin_calls.revoke_token(token_id))

    async def alerts(self: _AsyncCaller) -> list[api.AlertRow]:
        """Return the price alerts."""
        return await self._call(admin_calls.alerts())

    async def add_alert(self: _AsyncCaller, request: api.AlertRequest) -> api.AlertRow:
        """Have something happen each time a spot price crosses a line; raise NotFoundError for an unknown market."""
        return await self._call(admin_calls.add_alert(request))

    async def remove_alert(self: _AsyncCaller, alert_id: str) -> None:
        """Forget an alert; raise NotFoundError."""
        await self._call(admin_calls.remove_alert(alert_id))

    async def price_history(
        self: _AsyncCaller,
        cloud: str,
        region: str,
        instance_type: str,
        *,
        zone: str | None = None,
        since: datetime | None = None,
    ) -> api.PriceHistory:
        """Return how a spot price changed, a week back by default."""
        return await self._call(admin_calls.price_history(cloud, region, instance_type, zone, since))

    async def targets(self: _AsyncCaller) -> list[api.TargetRow]:
        """Return where notifications are sent."""
        return await self._call(admin_calls.targets())

    async def add_target(
        self: _AsyncCaller, address: str, *, name: str = "", topics: Sequence[str] = ()
    ) -> api.TargetRow:
        """Have notifications (of all topics by default) sent to an address of apprise; raise InvalidInputError."""
        return await self._call(
            admin_calls.add_target(api.TargetRequest(address=address, name=name, topics=list(topics)))
        )

    async def test_target(self: _AsyncCaller, target_id: str) -> None:
        """Send a message there now; raise UnreachableError with what the service says."""
        await self._call(admin_calls.test_target(target_id))

    async def remove_target(self: _AsyncCaller, target_id: str) -> None:
        """Send nothing there any more; raise NotFoundError."""
        await self._call(admin_calls.remove_target(target_id))

    async def notifications(
        self: _AsyncCaller, *, topics: Sequence[str] = (), before: int | None = None, limit: int = 50
    ) -> api.NotificationPage:
        """Return what people are told, newest first."""
        return await self._call(admin_calls.notifications(topics, before, limit))

    async def overview(self: _AsyncCaller) -> api.Overview:
        """Return how everything is."""
        return await self._call(admin_calls.overview())

    async def cost_series(
        self: _AsyncCaller, name: str | None = None, *, since: datetime | None = None, step_s: float | None = None
    ) -> api.CostSeries:
        """Return what was spent and saved, as sums over time."""
        return await self._call(admin_calls.cost_series(name, since, step_s))

    async def metrics(
        self: _AsyncCaller, instance_id: str, *, since: datetime | None = None, step_s: float = 10
    ) -> api.MetricSeries:
        """Return what an instance's agent measured, an hour back by default; raise NotFoundError."""
        return await self._call(admin_calls.metrics(instance_id, since, step_s))

    async def rerun(self: _AsyncCaller, name: str) -> api.WorkloadRow:
        """Submit a job anew, under the next free name; raise NotFoundError."""
        return await self._call(admin_calls.rerun(name))

    async def check_file(self: _AsyncCaller, text: str) -> api.FileCheck:
        """Say what is wrong with a workload file's text, and where."""
        return await self._call(admin_calls.check_file(api.CheckRequest(file=text)))
