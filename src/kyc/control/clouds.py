"""The clouds that can be used now, by name: those of this machine, and one for each provider that has accounts.

The mapping is live: an account that is added or removed while the master runs changes it. Several accounts of one
provider are one cloud here; which of them pays for a deployment stands in the deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from kyc.domain.errors import KycError, NotFoundError
from kyc.ports.cloud import Cloud, CloudInstance


@dataclass(slots=True)
class ClosedCloud:
    """An account that cannot be opened: every call says why."""

    name: str
    why: KycError
    look_every_s: float = 1.0

    async def instances(self, *, everywhere: bool = False) -> list[CloudInstance]:
        """Raise why."""
        del everywhere
        self._refuse()

    async def interrupt(self, provider_id: str, *, notice_s: float) -> str:
        """Raise why."""
        del provider_id, notice_s
        self._refuse()

    async def remove(self, provider_id: str) -> None:
        """Raise why."""
        del provider_id
        self._refuse()

    async def reach(self, url: str) -> str:
        """Raise why."""
        del url
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise type(self.why)(str(self.why), next_step=self.why.next_step)


@dataclass(slots=True)
class CloudOfAccounts:
    """One provider through all its accounts, of which there is one at least. If one does not answer, none has."""

    name: str
    accounts: Sequence[Cloud]
    _homes: dict[str, Cloud] = field(default_factory=dict)

    @property
    def look_every_s(self) -> float:
        """How often it may be looked at: as often as the most patient of its accounts."""
        return max(account.look_every_s for account in self.accounts)

    async def instances(self, *, everywhere: bool = False) -> list[CloudInstance]:
        """Return the instances of all accounts; see the port."""
        found: list[CloudInstance] = []
        for account in self.accounts:
            listed = await account.instances(everywhere=everywhere)
            self._homes.update((one.provider_id, account) for one in listed)
            found += listed
        return found

    async def interrupt(self, provider_id: str, *, notice_s: float) -> str:
        """Have one interrupted by the account it belongs to; see the port."""
        return await (await self._home(provider_id)).interrupt(provider_id, notice_s=notice_s)

    async def remove(self, provider_id: str) -> None:
        """Have one ended by the account it belongs to; see the port."""
        await (await self._home(provider_id)).remove(provider_id)

    async def reach(self, url: str) -> str:
        """Return the URL as instances of this provider reach it."""
        return await self.accounts[0].reach(url)

    async def _home(self, provider_id: str) -> Cloud:
        if len(self.accounts) == 1:
            return self.accounts[0]
        if provider_id not in self._homes:
            await self.instances()
        if provider_id not in self._homes:
            raise NotFoundError(f"no account of {self.name} has an instance {provider_id}")
        return self._homes[provider_id]


@dataclass(slots=True)
class LiveClouds(Mapping[str, Cloud]):
    """The clouds by name. `built_in` ones are always there; `accounts` is replaced whole when accounts change."""

    built_in: Mapping[str, Cloud]
    accounts: Mapping[str, Cloud] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Cloud:
        """Return the cloud; raise KeyError for one that nobody has an account of."""
        return self.built_in[name] if name in self.built_in else self.accounts[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self.built_in, *self.accounts])

    def __len__(self) -> int:
        return len(self.built_in) + len(self.accounts)
