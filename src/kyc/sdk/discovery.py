"""Where the master is, and our token: `KYC_URL` and `KYC_TOKEN`, else what a local master leaves in `KYC_HOME`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from kyc.domain.errors import InvalidInputError, UnreachableError

MASTER_FILE = "master.json"
TOKEN_FILE = "token"  # noqa: S105  # a file's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A master's URL (no slash at its end) and the token for it. `pid` is known for a master of this machine."""

    url: str
    token: str = field(default="", repr=False)
    pid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterFile:
    """What a running master tells in `KYC_HOME/master.json`; it may tell more."""

    url: str
    pid: int
    version: str = ""


def home_folder(env: Mapping[str, str] | None = None) -> Path:
    """Return `KYC_HOME`, by default `~/.kyc`; it may not exist."""
    named = (os.environ if env is None else env).get("KYC_HOME", "")
    return Path(named).expanduser().absolute() if named else Path.home() / ".kyc"


def find_master(env: Mapping[str, str] | None = None) -> Address:
    """Return where to call. Raise UnreachableError if nothing says so; nobody is called here.

    The token file is used only for the master that wrote it: a secret is never sent to another address.
    """
    variables = os.environ if env is None else env
    home = home_folder(variables)
    url, token = variables.get("KYC_URL", "").rstrip("/"), variables.get("KYC_TOKEN", "")
    local = read_master_file(home)
    if not token.isascii() or not token.isprintable():
        raise InvalidInputError("KYC_TOKEN is not a token", next_step="Copy the master's token again.")
    if url:
        _check_url(url)
        own = local is not None and local.url.rstrip("/") == url
        return Address(
            url=url, token=token or (_read_token(home) if own else ""), pid=local.pid if own and local else None
        )
    if local is None:
        raise UnreachableError(
            f"no master runs here ({home / MASTER_FILE} is not there)",
            next_step="Start one with `kyc up --detach`, or set KYC_URL and KYC_TOKEN.",
        )
    return Address(url=local.url.rstrip("/"), token=token or _read_token(home), pid=local.pid)


def locator(url: str | None, token: str, home: Path | None) -> Callable[[], Address]:
    """Return what finds the master each time it is asked: the URL that is named, else in `home`, else by `KYC_*`."""
    if url is not None:
        _check_url(url)
        known = Address(url=url.rstrip("/"), token=token)
        return lambda: known
    if home is not None:
        variables = {"KYC_HOME": str(home), "KYC_TOKEN": token}
        return lambda: find_master(variables)
    return find_master


def read_master_file(home: Path) -> MasterFile | None:
    """Return what the running master left, None if there is nothing (or half a file, of a master that starts)."""
    try:
        return msgspec.json.decode((home / MASTER_FILE).read_bytes(), type=MasterFile)
    except (OSError, msgspec.DecodeError):
        return None


def _read_token(home: Path) -> str:
    try:
        return (home / TOKEN_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _check_url(url: str) -> None:
    scheme, _, rest = url.partition("://")
    if scheme not in {"http", "https"} or not rest or any(letter.isspace() for letter in url):
        raise InvalidInputError(
            f"KYC_URL: {url!r} is not an address", next_step="Set it to one such as https://kyc.example.com."
        )
