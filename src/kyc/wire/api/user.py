"""Who may use the master: signing in, users, API tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who calls. `role` is admin or viewer; `kind` is session, token or operator (the token file of KYC_HOME)."""

    name: str
    role: str
    kind: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """`GET /session`, open to all: who this browser is (None: nobody), and whether there is no user yet."""

    me: Me | None
    setup_needed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRequest:
    """`POST /session`: a name and its password, or else a code: of a sign-in link, or the master's own token."""

    name: str = ""
    password: str = field(default="", repr=False)
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupRequest:
    """`POST /session/setup`: the first administrator; `code` as in SignInRequest."""

    code: str = field(repr=False)
    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInLink:
    """`POST /session/links`: an address that signs one browser in, once, until it expires."""

    url: str = field(repr=False)
    code: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """One line of `kyc user list`."""

    name: str
    role: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRequest:
    """`POST /users`: a new user."""

    name: str
    password: str = field(repr=False)
    role: str = "viewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    """`PATCH /users/{name}`: another role or password; what is None stays."""

    role: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRequest:
    """`PUT /me/password`: the caller's own password, changed."""

    current: str = field(repr=False)
    new: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One line of `kyc token list`. `expires_at` None: never."""

    id: str
    name: str
    role: str
    user: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """`POST /tokens`: a token with a name that says what it is for; `expires_s` None: it does not expire."""

    name: str
    role: str = "viewer"
    expires_s: float | None = 90 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """What `POST /tokens` answers: the only time that the token itself is shown."""

    row: TokenRow
    token: str = field(repr=False)
