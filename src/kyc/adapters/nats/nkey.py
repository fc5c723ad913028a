"""NATS's own form of Ed25519 keys ("nkeys") and the tokens signed with them, as its decentralised sign-in wants them.

Source: github.com/nats-io/nkeys (encoding) and NATS ADR-14 (JWT). Written out here because no Python library mints such
tokens, and signing in with them is three lines.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from enum import IntEnum

import msgspec
from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from kyc.domain.errors import InvalidInputError

_SEED_PREFIX = 18 << 3  # a seed's text starts with S


class KeyKind(IntEnum):
    """Whose key it is; the number makes the text start with O, A or U."""

    OPERATOR = 14 << 3
    ACCOUNT = 0
    USER = 20 << 3


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair. `seed` is its secret text, `public` the name everyone knows it by."""

    kind: KeyKind
    raw: bytes

    @staticmethod
    def generate(kind: KeyKind) -> Key:
        """Make a new one, of the operating system's randomness."""
        return Key(kind, os.urandom(32))

    @staticmethod
    def from_seed(seed: str) -> Key:
        """Read the secret text; raise InvalidInputError if it is none."""
        body = _checked(seed)
        if len(body) != 34 or body[0] & 0xF8 != _SEED_PREFIX:
            raise InvalidInputError("not the seed of a NATS key")
        kind = (body[0] & 7) << 5 | (body[1] & 0xF8) >> 3
        return Key(KeyKind(kind), body[2:])

    @property
    def seed(self) -> str:
        """The secret text."""
        head = bytes((_SEED_PREFIX | self.kind >> 5, (self.kind & 31) << 3))
        return _encoded(head + self.raw)

    @property
    def public(self) -> str:
        """The public text."""
        return _encoded(bytes((self.kind,)) + crypto_sign_seed_keypair(self.raw)[0])

    def sign(self, data: bytes) -> str:
        """Return the signature, in the URL-safe base64 that NATS uses."""
        secret = crypto_sign_seed_keypair(self.raw)[1]
        return _base64url(crypto_sign(data, secret)[:crypto_sign_BYTES])


def mint(issuer: Key, *, subject: str, name: str, claims: dict[str, object], times: tuple[int, int | None]) -> str:
    """Return a token that `issuer` signed for `subject`; `times` are issue and expiry in Unix seconds (None: never)."""
    issued, expires = times
    body: dict[str, object] = {"iat": issued, "iss": issuer.public, "name": name, "sub": subject, "nats": claims}
    if expires is not None:
        body["exp"] = expires
    body["jti"] = base64.b32encode(hashlib.sha256(msgspec.json.encode(body)).digest()).decode().rstrip("=")
    header = msgspec.json.encode({"typ": "JWT", "alg": "ed25519-nkey"})
    signed = f"{_base64url(header)}.{_base64url(msgspec.json.encode(body))}"
    return f"{signed}.{issuer.sign(signed.encode())}"


def verify(public: str, data: bytes, signature: str) -> bool:
    """Say whether the holder of the public key signed the data."""
    body = _checked(public)
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    try:
        crypto_sign_open(raw + data, body[1:])
    except BadSignatureError:
        return False
    return True


def _encoded(body: bytes) -> str:
    return base64.b32encode(body + _crc16(body).to_bytes(2, "little")).decode().rstrip("=")


def _checked(text: str) -> bytes:
    try:
        body = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError as error:
        raise InvalidInputError("not a NATS key") from error
    if len(body) < 3 or _crc16(body[:-2]).to_bytes(2, "little") != body[-2:]:
        raise InvalidInputError("not a NATS key: its checksum is wrong")
    return body[:-2]


def _crc16(data: bytes) -> int:
    """CRC-16/XMODEM."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
