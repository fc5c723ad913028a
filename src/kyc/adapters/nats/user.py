"""Credentials signed with an account's key: for all that is in the account, or for one workload.

Whoever has the account's seed (`SA…`) can make them without asking the server, in operator mode, for which the server's
accounts are known by their keys.
"""

from __future__ import annotations

from kyc.adapters.nats.layout import Place
from kyc.adapters.nats.nkey import Key, KeyKind, mint

SEED_BEGINS = "SA"
MASTER = "master"


def inbox_of(workload: str) -> str:
    """Return the subject under which a workload's agent gets its answers, and nobody else may listen."""
    return f"_KYC.{workload}"


def agent_token(account: Key, workload: str, *, issued: int, expires: int) -> str:
    """Return a credential for one workload, as `StreamAccess.token` carries it: `seed:token`."""
    return _token(account, workload, Place(workload).permissions(inbox_of(workload)), (issued, expires))


def master_token(account: Key, *, issued: int) -> str:
    """Return a credential for everything in the account."""
    return _token(account, MASTER, {"pub": {}, "sub": {}}, (issued, None))


def _token(account: Key, name: str, permissions: dict[str, object], times: tuple[int, int | None]) -> str:
    user = Key.generate(KeyKind.USER)
    claims: dict[str, object] = permissions | {"subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2}
    return f"{user.seed}:{mint(account, subject=user.public, name=name, claims=claims, times=times)}"
