"""The embedded server's own files: its keys, its configuration, and the credentials that it will accept.

Sign-in is decentralised: the server knows an operator and one account, and accepts any user whose token the account's
key has signed. So a credential is minted without telling the server anything, holds for one workload, expires, and the
server needs neither a reload nor a list of users that could differ from ours after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from kyc.adapters.nats.nkey import Key, KeyKind, mint
from kyc.hosting.files import write_private

_UNLIMITED: dict[str, object] = dict.fromkeys(
    ("subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage", "disk_storage", "streams"), -1
)


class _StoredKeys(msgspec.Struct):
    operator: str
    account: str
    system: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The server's keys: whoever has the account's can make credentials for every workload."""

    operator: Key
    account: Key
    system: Key

    @staticmethod
    def kept_in(path: Path) -> Keys:
        """Read the keys from a file of mode 0600, made at the first call."""
        if not path.exists():
            made = (Key.generate(KeyKind.OPERATOR), Key.generate(KeyKind.ACCOUNT), Key.generate(KeyKind.ACCOUNT))
            seeds = _StoredKeys(*(key.seed for key in made))
            write_private(path, msgspec.json.encode(seeds))
        stored = msgspec.json.decode(path.read_bytes(), type=_StoredKeys)
        return Keys(*(Key.from_seed(seed) for seed in (stored.operator, stored.account, stored.system)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where the server listens and keeps its files. `sync_s`: how often it forces what it wrote to the disk."""

    folder: Path
    host: str
    port: int
    sync_s: float

    def render(self, keys: Keys, *, issued: int) -> str:
        """Return the server's configuration file."""
        operator = mint(
            keys.operator,
            subject=keys.operator.public,
            name="kyc",
            claims={"type": "operator", "version": 2, "system_account": keys.system.public},
            times=(issued, None),
        )
        accounts = "\n".join(
            f"  {key.public}: {_account(keys.operator, key, name, stores=stores, issued=issued)}"
            for key, name, stores in ((keys.account, "kyc", True), (keys.system, "SYS", False))
        )
        sync = "always" if self.sync_s == 0 else f"{max(1, round(self.sync_s * 1000))}ms"
        return "\n".join(
            (
                "server_name: kyc",
                f"listen: {quoted(f'{self.host}:{self.port}')}",
                f"log_file: {quoted(str(self.folder / 'server.log'))}",
                "logfile_size_limit: 10MB",
                "logfile_max_num: 2",
                f"jetstream: {{store_dir: {quoted(str(self.folder / 'store'))}, sync_interval: {quoted(sync)}}}",
                f"operator: {operator}",
                f"system_account: {keys.system.public}",
                "resolver: MEMORY",
                f"resolver_preload: {{\n{accounts}\n}}",
                "",
            )
        )


def _account(operator: Key, account: Key, name: str, *, stores: bool, issued: int) -> str:
    limits = _UNLIMITED | {"consumer": -1, "wildcards": True}
    if not stores:
        limits |= {"mem_storage": 0, "disk_storage": 0, "streams": 0, "consumer": 0}
    claims: dict[str, object] = {"limits": limits, "type": "account", "version": 2}
    return mint(operator, subject=account.public, name=name, claims=claims, times=(issued, None))


def quoted(text: str) -> str:
    """Return the text as a string of the server's configuration language."""
    return msgspec.json.encode(text).decode()
