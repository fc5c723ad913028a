"""A provider of clouds in memory: written to docs/how-to/add-a-cloud.md, and the smallest that can be.

Its accounts have a key; `keys` says which are accepted and what they may do. Every account gets a FakeCloud of its own,
the same one each time it is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.fake.cloud import FakeCloud
from kyc.domain.deployment import Deployment
from kyc.domain.errors import CredentialError, UnreachableError
from kyc.domain.ids import AccountId, InstanceId
from kyc.ports.account import Account, Field, OpenCloud, Right, Verdict
from kyc.ports.module import CloudModule, Outputs

LAUNCH, LIST = "fake:Launch", "fake:List"
_PURPOSES = {LAUNCH: "to buy instances", LIST: "to see what runs"}


class FakeProvider:
    """A CloudProvider. `keys` maps an accepted key to the rights it lacks."""

    fields = (
        Field(name="key", title="Key", secret=True, env=("FAKE_KEY",), help="Any of the provider's keys."),
        Field(name="region", title="Region", default="here", required=False),
        Field(name="endpoint", title="Endpoint", required=False),
    )

    def __init__(
        self, clock: FakeClock, *, name: str = "fake", keys: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        self.name = name
        self.title = f"The {name} cloud"
        self.keys = dict(keys or {"good": frozenset()})
        self.reachable = True
        self.clouds: dict[AccountId, FakeCloud] = {}
        self._clock = clock

    async def check(self, account: Account) -> Verdict:
        """Say what the key may do; see the port."""
        if not self.reachable:
            raise UnreachableError(f"{self.name} does not answer", next_step="Try again.")
        lacks = self.keys.get(account.secrets["key"])
        if lacks is None:
            raise CredentialError(f"{self.name} does not know this key", next_step="Take one that it knows.")
        rights = [Right(name=name, purpose=purpose, granted=name not in lacks) for name, purpose in _PURPOSES.items()]
        return Verdict(identity=f"owner of {account.id}", rights=rights, policy=f"allow {', '.join(_PURPOSES)}")

    def open(self, account: Account) -> OpenCloud:
        """Return the account's cloud; see the port."""
        cloud = self.clouds.setdefault(account.id, FakeCloud(self._clock, name=self.name))

        async def environment() -> Mapping[str, str]:
            return {"FAKE_KEY": account.secrets["key"]}

        module = CloudModule(folder=Path(__file__).parent, variables=_variables, environment=environment)
        return OpenCloud(cloud=cloud, module=module, regions=(account.settings["region"],))


async def _variables(
    deployment: Deployment, user_data: Mapping[InstanceId, str], _shared: Outputs
) -> Mapping[str, object]:
    return {"deployment_id": deployment.id, "instance_ids": sorted(user_data)}
