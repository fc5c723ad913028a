"""Tokens that a service account's key has signed itself (RFC 7519, RS256), which Google accepts in place of its own."""

from __future__ import annotations

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def is_signed(token: str, key: rsa.RSAPublicKey) -> bool:
    """Say whether the key's other half has signed it."""
    text, _, signature = token.rpartition(".")
    try:
        raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        key.verify(raw, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True
