"""AES-256-GCM by libsodium, which takes 1 MB of an agent's memory; where the processor has no AES, by OpenSSL (9 MB).

Both read what the other wrote: nonce, ciphertext and tag are the standard's (NIST SP 800-38D). The two calls are made
without a copy, which PyNaCl's public functions do not offer.
"""

from __future__ import annotations

from typing import Protocol

Buffer = bytes | bytearray | memoryview
TAG_BYTES = 16


class ForgedError(Exception):
    """The text is not what was sealed under this key, nonce and name."""


class Cipher(Protocol):
    """Encrypts and decrypts from one buffer into another; `out` has exactly the room. `decrypt` raises ForgedError."""

    def encrypt(self, nonce: bytes, plain: Buffer, bound: bytes, out: memoryview) -> None: ...

    def decrypt(self, nonce: bytes, text: Buffer, bound: bytes, out: memoryview) -> None: ...


class SodiumCipher:
    """By libsodium; ImportError where it cannot be used."""

    def __init__(self, key: bytes) -> None:
        from nacl._sodium import ffi, lib  # type: ignore[import-not-found]  # noqa: PLC0415  # a compiled module

        if lib.sodium_init() < 0 or not lib.crypto_aead_aes256gcm_is_available():
            raise ImportError("this processor has no instructions for AES")
        self._ffi = ffi
        self._lib = lib
        self._key = key
        self._length = ffi.new("unsigned long long *")

    def encrypt(self, nonce: bytes, plain: Buffer, bound: bytes, out: memoryview) -> None:
        """Write ciphertext and tag."""
        with self._ffi.from_buffer(plain) as source, self._ffi.from_buffer(out) as target:
            self._lib.crypto_aead_aes256gcm_encrypt(
                target, self._length, source, len(plain), bound, len(bound), self._ffi.NULL, nonce, self._key
            )

    def decrypt(self, nonce: bytes, text: Buffer, bound: bytes, out: memoryview) -> None:
        """Write the plain bytes."""
        with self._ffi.from_buffer(text) as source, self._ffi.from_buffer(out) as target:
            forged = self._lib.crypto_aead_aes256gcm_decrypt(
                target, self._length, self._ffi.NULL, source, len(text), bound, len(bound), nonce, self._key
            )
        if forged:
            raise ForgedError


class OpensslCipher:
    """By OpenSSL, as `cryptography` has it."""

    def __init__(self, key: bytes) -> None:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # only where it is needed
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        self._cipher = AESGCM(key)
        self._invalid = InvalidTag

    def encrypt(self, nonce: bytes, plain: Buffer, bound: bytes, out: memoryview) -> None:
        """Write ciphertext and tag."""
        self._cipher.encrypt_into(nonce, plain, bound, out)

    def decrypt(self, nonce: bytes, text: Buffer, bound: bytes, out: memoryview) -> None:
        """Write the plain bytes."""
        try:
            self._cipher.decrypt_into(nonce, text, bound, out)
        except self._invalid as error:
            raise ForgedError from error


def cipher_of(key: bytes) -> Cipher:
    """Return the lighter cipher of the two that works here."""
    try:
        return SodiumCipher(key)
    except ImportError:
        return OpensslCipher(key)
