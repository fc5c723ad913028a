"""A provider of clouds: what an account there needs, whether it may do what we do, and how it is used.

One small port that each cloud's folder implements; docs/how-to/add-a-cloud.md is the checklist. A provider keeps
nothing: it is handed an account, opened, for each call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kyc.domain.ids import AccountId
from kyc.ports.cloud import Cloud
from kyc.ports.edge import ENTRANCE_PORTS
from kyc.ports.module import CloudModule


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that a person gives for an account. `title` is what it is called in a form, `help` where to find it.

    A `secret` one is sealed and never shown again. `env` are the variables in which the cloud's own tools keep it, the
    first that is set counts. `file`: the value is a file's whole content, and people name the file.
    """

    name: str
    title: str
    secret: bool = False
    required: bool = True
    default: str = ""
    help: str = ""
    env: tuple[str, ...] = ()
    file: bool = False


SSH_FROM = Field(
    name="ssh_from",
    title="SSH from",
    required=False,
    help="Address ranges, with commas, from which SSH is admitted; needed where the master has no public URL.",
)

SERVICES_FROM = Field(
    name="services_from",
    title="Services from",
    required=False,
    help="Address ranges, with commas, from which the master's machine sends requests to services; empty: as for SSH.",
)


def admissions(ssh_from: Sequence[str], services_from: Sequence[str]) -> dict[str, object]:
    """Return the rules of a firewall by name: SSH, and the entrances of services, each from these ranges (none: no)."""
    entrances = f"{ENTRANCE_PORTS.start}-{ENTRANCE_PORTS.stop - 1}"
    rules = {"services": (entrances, services_from), "ssh": ("22", ssh_from)}
    return {
        name: {"protocol": "tcp", "ports": [ports], "ranges": list(ranges)}
        for name, (ports, ranges) in rules.items()
        if ranges
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account, opened: never stored, logged or sent like this."""

    id: AccountId
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Something the account must be allowed to do, as the provider names it, and what we need it for.

    `granted` None: the provider does not say; `problem` is the provider's own word where it is not granted.
    One that is not `required` is a convenience: without it the account is accepted all the same.
    """

    name: str
    purpose: str
    granted: bool | None
    problem: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the provider said of an account: who it is, and its rights one by one.

    `policy` is the least policy that grants everything we need, ready to be pasted at the provider's. `warnings` are
    sentences about what will not work.
    """

    identity: str
    rights: Sequence[Right] = ()
    policy: str = ""
    warnings: Sequence[str] = ()

    @property
    def missing(self) -> list[Right]:
        """The rights without which the account cannot be used."""
        return [right for right in self.rights if right.required and right.granted is False]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCloud:
    """An account in use: the cloud from outside, and what Terraform gets for it.

    `regions` are those whose shared deployment is made ahead of need.
    """

    cloud: Cloud
    module: CloudModule
    regions: tuple[str, ...] = ()


class CloudProvider(Protocol):
    """One provider. `name` is the cloud's, as offers write it.

    `check` asks the provider who the account is and what it may do, without changing or buying anything. It raises
    CredentialError for credentials that are not accepted, InvalidInputError for a setting that cannot be,
    UnreachableError where nobody answers. `open` talks to nobody and raises InvalidInputError at most.
    """

    name: str
    title: str

    @property
    def fields(self) -> Sequence[Field]: ...

    async def check(self, account: Account) -> Verdict: ...

    def open(self, account: Account) -> OpenCloud: ...
