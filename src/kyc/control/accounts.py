"""Accounts of clouds: taken in once their provider has verified them, sealed, replaced, removed, and opened for use."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kyc.control.clouds import ClosedCloud, CloudOfAccounts, LiveClouds
from kyc.control.context import write_fresh
from kyc.control.signal import Signal
from kyc.domain.account import CloudAccount, account_id
from kyc.domain.deployment import DEPLOYMENT_EDGES, Deployment
from kyc.domain.errors import ConflictError, InvalidInputError, KycError, NotFoundError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import AccountId
from kyc.domain.machine import is_final
from kyc.ports.account import Account, CloudProvider, OpenCloud, Verdict
from kyc.ports.clock import Clock
from kyc.ports.cloud import Cloud
from kyc.ports.module import CloudModule
from kyc.ports.provisioner import Ground
from kyc.ports.secrets import Secrets
from kyc.ports.store import Store

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Accounts:
    """Keeps the accounts, and `clouds` in step with them.

    `tick` reads them anew, so that what another master took in, and what a failed opening prevented, counts here too;
    it is to run once before anything else uses `clouds`.
    """

    store: Store
    secrets: Secrets
    clock: Clock
    providers: Mapping[str, CloudProvider]
    clouds: LiveClouds
    signal: Signal = field(default_factory=Signal)
    _open: dict[AccountId, tuple[int, OpenCloud | KycError]] = field(default_factory=dict)
    _order: Mapping[str, Sequence[AccountId]] = field(default_factory=dict)

    # --- what people ask for ---

    async def add(self, cloud: str, name: str, values: Mapping[str, str]) -> tuple[CloudAccount | None, Verdict]:
        """Take in an account, or new credentials of one, if its provider grants all that is needed.

        Return the account, None if a right is missing, with what the provider said. Raises InvalidInputError for a
        field that is unknown, missing or wrong, and what CloudProvider.check raises.
        """
        provider = self._provider(cloud)
        account = _opened(provider, account_id(cloud, name), values)
        verdict = await provider.check(account)
        if verdict.missing:
            return None, verdict
        provider.open(account)
        stored = await write_fresh(lambda: self._save(account, cloud, name, verdict))
        await self.tick()
        return stored, verdict

    async def check(self, cloud: str, name: str) -> Verdict:
        """Ask the provider about an account again; raise NotFoundError, and what CloudProvider.check raises."""
        stored = await self.get(cloud, name)
        verdict = await self._provider(cloud).check(self._unseal(stored))
        checked = replace(stored, checked_at=self.clock.now(), identity=verdict.identity)
        await self.store.save(checked)
        return verdict

    async def get(self, cloud: str, name: str) -> CloudAccount:
        """Return an account; raise NotFoundError."""
        found = await self.store.account(account_id(cloud, name))
        if found is None or found.is_over:
            raise NotFoundError(f"{cloud} has no account {name!r}", next_step="`kyc cloud list` shows the accounts.")
        return found

    async def all(self) -> list[CloudAccount]:
        """Return the accounts, oldest first."""
        return await self.store.accounts(live_only=True)

    async def remove(self, cloud: str, name: str) -> None:
        """Forget an account and its credentials; raise ConflictError while something of it may still cost money."""
        stored = await self.get(cloud, name)
        uses = [one.id for one in await self.store.deployments(live_only=True) if self._is_of(one, stored)]
        if uses:
            raise ConflictError(
                f"{stored.id} still has deployments: {', '.join(uses[:5])}",
                next_step="End them first: `kyc terminate` and `kyc stop`; what is gone needs no credentials.",
            )
        event = Event(kind=EventKind.ACCOUNT_REMOVED, subject=stored.id, at=self.clock.now(), reason="asked for")
        await self.store.save(replace(stored, removed=True, sealed=""), events=[event])
        await self.tick()

    # --- what the loops use ---

    async def tick(self) -> None:
        """Open what is new or changed, and close what is gone."""
        stored = await self.store.accounts(live_only=True)
        for account in stored:
            version, opened = self._open.get(account.id, (0, None))
            if version != account.version or isinstance(opened, KycError):
                self._open[account.id] = (account.version, self._try_open(account))
        ids = {account.id for account in stored}
        self._open = {key: value for key, value in self._open.items() if key in ids}
        order: dict[str, list[AccountId]] = {}
        for account in stored:
            order.setdefault(account.cloud, []).append(account.id)
        if order != self._order:
            self.signal.notify()
        self._order = order
        self.clouds.accounts = {
            cloud: CloudOfAccounts(cloud, [self._cloud(cloud, one) for one in ids_of])
            for cloud, ids_of in order.items()
        }

    def payer(self, cloud: str) -> str:
        """Return the id of the account that new deployments in the cloud are made with; empty for a built-in cloud."""
        return next(iter(self._order.get(cloud, ())), "")

    def module(self, cloud: str, account: str) -> CloudModule | None:
        """Return what Terraform gets for an account (empty: the payer), None if there is none of this name.

        Raise why it cannot be opened.
        """
        opened = self._open.get(AccountId(account or self.payer(cloud)), (0, None))[1]
        if isinstance(opened, KycError):
            raise opened
        return None if opened is None else opened.module

    def grounds(self) -> list[Ground]:
        """Return the grounds that are to be made ahead of need."""
        return [
            Ground(cloud=cloud, account=one, region=region)
            for cloud, ids_of in self._order.items()
            for one in ids_of
            if isinstance(opened := self._open[one][1], OpenCloud)
            for region in opened.regions
        ]

    def _cloud(self, name: str, account: AccountId) -> Cloud:
        opened = self._open[account][1]
        return ClosedCloud(name, opened) if isinstance(opened, KycError) else opened.cloud

    def _is_of(self, deployment: Deployment, account: CloudAccount) -> bool:
        if is_final(DEPLOYMENT_EDGES, deployment.state) or deployment.offer.cloud != account.cloud:
            return False
        return (deployment.account or self.payer(account.cloud)) == account.id

    def _try_open(self, account: CloudAccount) -> OpenCloud | KycError:
        try:
            return self._provider(account.cloud).open(self._unseal(account))
        except KycError as error:
            log.warning("account_not_opened", extra={"account": account.id, "why": str(error)})
            return error

    async def _save(self, account: Account, cloud: str, name: str, verdict: Verdict) -> CloudAccount:
        before, now = await self.store.account(account.id), self.clock.now()
        stored = CloudAccount(
            id=account.id,
            cloud=cloud,
            name=name,
            settings=account.settings,
            sealed=self.secrets.seal(json.dumps(dict(account.secrets)).encode(), purpose=_purpose(account.id)),
            identity=verdict.identity,
            added_at=before.added_at if before is not None and not before.is_over else now,
            checked_at=now,
            version=0 if before is None else before.version,
        )
        kind, about = EventKind.ACCOUNT_ADDED, {"identity": verdict.identity}
        event = Event(kind=kind, subject=account.id, at=now, data=about, reason="verified with the provider")
        await self.store.save(stored, events=[event])
        return replace(stored, version=stored.version + 1)

    def _unseal(self, stored: CloudAccount) -> Account:
        secrets = json.loads(self.secrets.open(stored.sealed, purpose=_purpose(stored.id)))
        return Account(id=stored.id, settings=stored.settings, secrets=secrets)

    def _provider(self, cloud: str) -> CloudProvider:
        if cloud in self.clouds.built_in:
            raise ConflictError(f"the cloud {cloud!r} is part of this master: it needs no account")
        if cloud not in self.providers:
            known = ", ".join([*self.clouds.built_in, *self.providers])
            raise NotFoundError(f"there is no cloud {cloud[:80]!r}", next_step=f"The clouds are {known}.")
        return self.providers[cloud]


def _opened(provider: CloudProvider, key: AccountId, values: Mapping[str, str]) -> Account:
    """Sort what a person gave into settings and secrets; raise InvalidInputError that names the field."""
    fields = {one.name: one for one in provider.fields}
    unknown = [name for name in values if name not in fields]
    if unknown:
        raise InvalidInputError(
            f"{provider.name} knows no field {unknown[0]!r}", next_step=f"It has {', '.join(fields)}."
        )
    given = {name: values.get(name, "").strip() or one.default for name, one in fields.items()}
    missing = [one for name, one in fields.items() if one.required and not given[name]]
    if missing:
        raise InvalidInputError(
            f"{provider.name} needs {missing[0].name}: {missing[0].title}", next_step=missing[0].help
        )
    present = {name: value for name, value in given.items() if value}
    return Account(
        id=key,
        settings={name: value for name, value in present.items() if not fields[name].secret},
        secrets={name: value for name, value in present.items() if fields[name].secret},
    )


def _purpose(key: AccountId) -> str:
    return f"account {key}"
