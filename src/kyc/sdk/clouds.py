"""The calls about clouds and accounts, for the synchronous client and for the asynchronous one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypedDict, TypeVar, Unpack

from kyc.sdk import calls
from kyc.sdk.calls import Call
from kyc.wire import api

T = TypeVar("T")


class LaunchWishes(TypedDict, total=False):
    """What bare instances are to be; see LaunchRequest."""

    offer: str | None
    count: int
    cloud: str
    region: str
    zone: str
    type: str
    spot: bool | None
    account: str
    disk_gib: int | None
    network: str
    subnet: str
    role: str
    image: str
    tags: dict[str, str]
    max_price_usd_per_hour: float | None
    on_interruption: str
    public_address: bool


class _Caller(Protocol):
    def _call(self, call: Call[T]) -> T: ...


class _AsyncCaller(Protocol):
    async def _call(self, call: Call[T]) -> T: ...


class CloudCalls:
    """What a client can do about clouds; part of `kyc.sdk.client.Client`."""

    def clouds(self: _Caller) -> list[api.CloudRow]:
        """Return the registered clouds, whether they work, and their accounts."""
        return self._call(calls.clouds())

    def cloud_forms(self: _Caller) -> list[api.CloudForm]:
        """Return what an account of each cloud needs."""
        return self._call(calls.cloud_forms())

    def add_account(
        self: _Caller, cloud: str, values: Mapping[str, str], *, name: str = "default"
    ) -> api.AccountReport:
        """Have an account verified, and kept if nothing is missing (`accepted`); an old one of the name is replaced.

        Raises CredentialError for credentials that the provider does not accept, InvalidInputError for a wrong field.
        """
        return self._call(calls.add_account(cloud, name, api.AccountRequest(values=dict(values))))

    def check_account(self: _Caller, cloud: str, *, name: str = "default") -> api.AccountReport:
        """Have the provider say again what an account may do; raise NotFoundError."""
        return self._call(calls.check_account(cloud, name))

    def remove_account(self: _Caller, cloud: str, *, name: str = "default") -> None:
        """Have an account's credentials forgotten; raise ConflictError while something of it may cost money."""
        self._call(calls.remove_account(cloud, name))

    def launch(self: _Caller, **wish: Unpack[LaunchWishes]) -> api.DeploymentRow:
        """Buy bare instances of one offer (the cheapest that fits by default), such as `offer=..., count=2`.

        Raises NotFoundError for an offer nobody makes, InvalidInputError for a wish that cannot be met.
        """
        return self._call(calls.launch(api.LaunchRequest(**wish)))

    def plan_launch(self: _Caller, **wish: Unpack[LaunchWishes]) -> api.LaunchReport:
        """Return what such a launch would make and cost; nothing is bought."""
        return self._call(calls.plan_launch(api.LaunchRequest(**wish)))

    def export_deployments(self: _Caller) -> api.ExportReport:
        """Return Terraform's files of everything that exists."""
        return self._call(calls.export_deployments())

    def sweep(self: _Caller, *, everywhere: bool = False, remove: bool = False) -> api.SweepReply:
        """Look for what runs without being known, and end it at once for `remove`."""
        return self._call(calls.sweep(api.SweepRequest(everywhere=everywhere, remove=remove)))


class AsyncCloudCalls:
    """What a client can do about clouds; part of `kyc.sdk.aio.AsyncClient`."""

    async def clouds(self: _AsyncCaller) -> list[api.CloudRow]:
        """Return the registered clouds, whether they work, and their accounts."""
        return await self._call(calls.clouds())

    async def cloud_forms(self: _AsyncCaller) -> list[api.CloudForm]:
        """Return what an account of each cloud needs."""
        return await self._call(calls.cloud_forms())

    async def add_account(
        self: _AsyncCaller, cloud: str, values: Mapping[str, str], *, name: str = "default"
    ) -> api.AccountReport:
        """Have an account verified, and kept if nothing is missing; see CloudCalls."""
        return await self._call(calls.add_account(cloud, name, api.AccountRequest(values=dict(values))))

    async def check_account(self: _AsyncCaller, cloud: str, *, name: str = "default") -> api.AccountReport:
        """Have the provider say again what an account may do; raise NotFoundError."""
        return await self._call(calls.check_account(cloud, name))

    async def remove_account(self: _AsyncCaller, cloud: str, *, name: str = "default") -> None:
        """Have an account's credentials forgotten; raise ConflictError while something of it may cost money."""
        await self._call(calls.remove_account(cloud, name))

    async def launch(self: _AsyncCaller, **wish: Unpack[LaunchWishes]) -> api.DeploymentRow:
        """Buy bare instances of one offer (the cheapest that fits by default), such as `offer=..., count=2`.

        Raises NotFoundError for an offer nobody makes, InvalidInputError for a wish that cannot be met.
        """
        return await self._call(calls.launch(api.LaunchRequest(**wish)))

    async def plan_launch(self: _AsyncCaller, **wish: Unpack[LaunchWishes]) -> api.LaunchReport:
        """Return what such a launch would make and cost; nothing is bought."""
        return await self._call(calls.plan_launch(api.LaunchRequest(**wish)))

    async def export_deployments(self: _AsyncCaller) -> api.ExportReport:
        """Return Terraform's files of everything that exists."""
        return await self._call(calls.export_deployments())

    async def sweep(self: _AsyncCaller, *, everywhere: bool = False, remove: bool = False) -> api.SweepReply:
        """Look for what runs without being known, and end it at once for `remove`."""
        return await self._call(calls.sweep(api.SweepRequest(everywhere=everywhere, remove=remove)))
