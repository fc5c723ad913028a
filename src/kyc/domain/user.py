"""Who may use a master: users with a password, and the secrets that stand for them (a browser's session, a token)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from kyc.domain.ids import AccessId, UserName

OPERATOR = UserName("operator")  # who holds the token file of the master's KYC_HOME; nobody else may have the name


class Role(StrEnum):
    """What a caller may do."""

    ADMIN = "admin"  # everything
    VIEWER = "viewer"  # look, and ask what if

    @property
    def may_write(self) -> bool:
        """Whether the caller may change anything."""
        return self is Role.ADMIN


class AccessKind(StrEnum):
    """How a caller proves who it is."""

    OPERATOR = "operator"  # by the token file
    SESSION = "session"  # a browser's cookie
    TOKEN = "token"  # noqa: S105  # an API token


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person with a password, of which only the hash is kept. One that was removed may come again."""

    name: UserName
    role: Role
    password_hash: str = field(repr=False)
    created_at: datetime
    removed: bool = False
    version: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the user may not sign in any more."""
        return self.removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A secret that stands for a user until it expires or is ended; only the hash of the secret is kept."""

    id: AccessId
    kind: AccessKind
    user: UserName
    role: Role
    secret_hash: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
    label: str = ""
    ended_at: datetime | None = None
    version: int = 0

    @property
    def is_over(self) -> bool:
        """Whether somebody has ended it."""
        return self.ended_at is not None

    def is_good(self, now: datetime) -> bool:
        """Say whether it still stands for its user."""
        return not self.is_over and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, and by what. `access` is None for the operator."""

    name: UserName
    role: Role
    kind: AccessKind
    access: AccessId | None = None
    expires_at: datetime | None = None
