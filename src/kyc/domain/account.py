"""An account of a cloud: who pays there, and with which credentials. What is secret of it is sealed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kyc.domain.errors import InvalidInputError
from kyc.domain.ids import AccountId

DEFAULT_NAME = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudAccount:
    """An account as it is stored. `settings` can be shown to anybody; `sealed` holds the rest, as JSON under our key.

    `identity` is what the provider calls the owner of the credentials. A removed one keeps its place, without them.
    """

    id: AccountId
    cloud: str
    name: str
    settings: Mapping[str, str]
    sealed: str = field(repr=False)
    identity: str
    added_at: datetime
    checked_at: datetime
    removed: bool = False
    version: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it buys nothing any more."""
        return self.removed


def account_id(cloud: str, name: str) -> AccountId:
    """Return the id of a cloud's account, such as `aws:default`; raise InvalidInputError for a name that cannot be."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name[:80]!r} cannot be an account's name",
            next_step="Use lower-case letters, digits and hyphens, 40 at most.",
        )
    return AccountId(f"{cloud}:{name}")
