"""Clouds and the accounts there. What is secret of an account goes in and never comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account of a cloud. `settings` holds what is not secret; `identity` is what the provider calls its owner."""

    cloud: str
    name: str
    identity: str
    settings: dict[str, str]
    added_at: datetime
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudRow:
    """A registered cloud, whether it works, and its accounts (none for one that is part of the master)."""

    name: str
    ready: bool
    message: str
    accounts: list[AccountRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountField:
    """One thing to fill in. `env`: the variables in which the cloud's own tools keep it; `file`: a file's content."""

    name: str
    title: str
    secret: bool
    required: bool
    default: str
    help: str
    env: list[str]
    file: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudForm:
    """`GET /clouds/forms`: what an account of the cloud needs; a form is made of it."""

    cloud: str
    title: str
    fields: list[AccountField]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRequest:
    """`PUT /clouds/{cloud}/accounts/{name}`: the form, filled in. It replaces what the account had."""

    values: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RightRow:
    """Something the account must be allowed to do. `granted` null: the provider does not say."""

    name: str
    purpose: str
    granted: bool | None
    required: bool
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """What the provider said of an account. Not `accepted`: a required right is missing, and nothing was stored.

    `policy` is the least policy with all rights, to be pasted at the provider's.
    """

    cloud: str
    name: str
    accepted: bool
    identity: str
    rights: list[RightRow]
    policy: str
    warnings: list[str]
