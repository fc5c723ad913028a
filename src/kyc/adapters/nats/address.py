"""Which NATS server, and who we are there."""

from __future__ import annotations

from dataclasses import dataclass, field

from kyc.domain.errors import UnreachableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is and how to sign in: by a signed token, a user's password, a plain token, or not at all.

    Replies come to subjects under `inbox`, which the credential must allow.
    """

    host: str
    port: int
    tls: bool = False
    jwt: str = ""
    seed: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    inbox: str = "_INBOX"
    name: str = "kyc"


def unreachable(address: Address, why: str) -> UnreachableError:
    """Return the error for a server that does not answer."""
    return UnreachableError(
        f"the stream server at {address.host}:{address.port} does not answer: {why}",
        next_step="It is tried again; `kyc up` starts the embedded one if it has ended.",
    )
