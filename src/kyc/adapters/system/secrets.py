"""Sealing under a key that lies outside the database, which alone opens nothing.

`KeyFile(path)` has it in a file of mode 0600, made at the first use. AES-256-GCM with a random nonce; the purpose is
authenticated, so that a text sealed for one place cannot be moved to another.
"""

from __future__ import annotations

import base64
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kyc.domain.errors import DamagedDataError, InvalidInputError

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = "1"


class Sealer:
    """Secrets under a key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, *, purpose: str) -> str:
        """Return the text that only `open` with the same purpose can read."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, plain, purpose.encode())
        return f"{_VERSION}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, *, purpose: str) -> bytes:
        """Return what was sealed; raise DamagedDataError for anything else."""
        version, _, text = sealed.partition(".")
        try:
            raw = base64.urlsafe_b64decode(text)
            if version != _VERSION or len(raw) < _NONCE_BYTES:
                raise ValueError("not a sealed text")
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode())
        except (ValueError, InvalidTag) as error:
            raise DamagedDataError(
                "a sealed secret cannot be opened with this key",
                next_step="Bring back the key file that belongs to this database.",
            ) from error

    def derive(self, *, purpose: str) -> str:
        """Return a secret text, always the same for the same key and purpose (HMAC-SHA256, 43 characters)."""
        made = hmac.digest(self._key, b"derive " + purpose.encode(), "sha256")
        return base64.urlsafe_b64encode(made).decode().rstrip("=")


class KeyFile(Sealer):
    """Secrets under the key in a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(read_or_make_key(path))


def read_or_make_key(path: Path) -> bytes:
    """Return the file's key, made at the first call; of several makers at once one wins and all get its key."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(os.urandom(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            os.link(beside, path)
        except FileExistsError:
            pass  # another one was first
        finally:
            beside.unlink()
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise InvalidInputError(
            f"{path} is not a key file", next_step="Bring it back from a copy; nothing can replace it."
        )
    if path.stat().st_mode & 0o077:
        raise InvalidInputError(f"{path} can be read by others", next_step=f"chmod 600 {path}")
    return key
