"""The master's key in the operating system's keyring, where there is one; else in a file of mode 0600.

A key file that is there counts first: it was brought here, or made before there was a keyring. Once a key lies in the
keyring, a note beside the file says so, and nothing else will do: a new key would open nothing of the database.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

from kyc.adapters.system.secrets import KEY_BYTES, read_or_make_key
from kyc.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "keep-your-cost"
_REAL = 1  # the priority from which the library itself recommends a backend


def read_or_make_kept_key(path: Path) -> bytes:
    """Return the key, made at the first call; raise InvalidInputError if the keyring that has it does not give it."""
    note = path.with_suffix(".keyring")
    if note.is_file() and not path.exists():
        return _kept(note)
    ring = None if path.exists() else _ring()
    return read_or_make_key(path) if ring is None else _make(ring, note)


def _ring() -> KeyringBackend | None:
    """Return the keyring of whoever runs this, None where the library or a real backend is missing."""
    try:
        import keyring  # noqa: PLC0415  # an extra
    except ModuleNotFoundError:
        return None
    found = keyring.get_keyring()
    return found if found.priority >= _REAL else None


def _make(ring: KeyringBackend, note: Path) -> bytes:
    """Keep a new key in the keyring, and see that it is there before the note says so."""
    from keyring.errors import KeyringError  # noqa: PLC0415

    key, name = os.urandom(KEY_BYTES), os.urandom(8).hex()
    try:
        ring.set_password(SERVICE, name, base64.b64encode(key).decode())
        told = ring.get_password(SERVICE, name)
    except KeyringError as error:
        raise _refused(error) from error
    if told is None or base64.b64decode(told) != key:
        raise _refused("it does not keep what it is given")
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = note.with_name(f".{note.name}.{name}")
    beside.write_text(f"{name}\n", encoding="ascii")
    beside.rename(note)
    return key


def _kept(note: Path) -> bytes:
    name, ring = note.read_text(encoding="ascii").strip(), _ring()
    if ring is None:
        raise _refused("there is none here")
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        told = ring.get_password(SERVICE, name)
    except KeyringError as error:
        raise _refused(error) from error
    if told is None:
        raise _refused(f"it has nothing called {name} of {SERVICE}")
    return base64.b64decode(told)


def _refused(why: object) -> InvalidInputError:
    return InvalidInputError(
        f"the key that opens this master's secrets is for the keyring of this account, and {why}",
        next_step="Sign in and unlock the keyring; for a new master where nobody signs in, say KYC_KEYRING=off.",
    )
