"""The calls about clouds and accounts, for the synchronous client and for the asynchronous one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from kyc.sdk import calls
from kyc.sdk.calls import Call
from kyc.wire import api

T = TypeVar("T")


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
