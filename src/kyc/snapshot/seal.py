"""What a workload's key does: names chunks by their content, seals what leaves the machine, opens what comes back.

Everything is derived from the workload's 32 bytes: a key for names (BLAKE3, so that a name tells nothing about the
content to who has no key), one for sealing (AES-256-GCM), a seed for where files are cut. A sealed payload is
    format (1 byte: 1 plain, 2 zstd) | nonce (12 random bytes) | ciphertext | tag (16 bytes)
and its name is authenticated with it, so that one chunk cannot be passed off as another. 2^32 payloads are safe under
one key with random nonces (NIST SP 800-38D): a petabyte of chunks.
"""

from __future__ import annotations

import os

import zstandard
from blake3 import blake3

from kyc.domain.errors import DamagedDataError, InvalidInputError
from kyc.domain.snapshot import ChunkId
from kyc.ports.stream import MAX_PAYLOAD_BYTES
from kyc.snapshot.cipher import TAG_BYTES, Buffer, ForgedError, cipher_of

KEY_BYTES = 32
OVERHEAD_BYTES = 1 + 12 + TAG_BYTES
MAX_PLAIN_BYTES = MAX_PAYLOAD_BYTES - OVERHEAD_BYTES
DIGEST_BYTES = 16
_STORED, _ZSTD = 1, 2
_PROBE_BYTES = 32 * 1024
_WORTH_IT = 0.95  # what does not shrink by 5 % is not worth its processor time
_CONTEXT = "keep-your-cost 2026 snapshot "


class Keyring:
    """The keys of one workload. Safe to share between threads."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise InvalidInputError(f"a workload's key has {KEY_BYTES} bytes, not {len(key)}")
        self._name_key = _derive(key, "names")
        self.seal_key = _derive(key, "sealing")
        self.cut_seed = int.from_bytes(_derive(key, "cuts")[:7], "big")  # the cutter shifts it left once in 64 bits

    def chunk_id(self, plain: Buffer) -> ChunkId:
        """Return the name of this content."""
        return ChunkId(blake3(plain, key=self._name_key).hexdigest())

    def digest(self, plain: Buffer) -> str:
        """Return the short name by which a small file is recognised."""
        return blake3(plain, key=self._name_key).hexdigest(length=DIGEST_BYTES)


class Sealer:
    """Compresses and encrypts under one workload's key. For one thread: it reuses its buffers."""

    def __init__(self, keys: Keyring) -> None:
        self._cipher = cipher_of(keys.seal_key)
        self._compressor = zstandard.ZstdCompressor(level=1, write_content_size=True)
        self._decompressor = zstandard.ZstdDecompressor()
        self._scratch = bytearray(MAX_PAYLOAD_BYTES)

    def seal(self, name: str, plain: Buffer) -> bytes:
        """Return the payload; it is OVERHEAD_BYTES longer than the content at most."""
        form, body = self._compressed(plain)
        nonce = os.urandom(12)
        size = OVERHEAD_BYTES + len(body)
        if size > len(self._scratch):
            self._scratch = bytearray(size)
        with memoryview(self._scratch)[:size] as out:
            out[0] = form
            out[1:13] = nonce
            self._cipher.encrypt(nonce, body, _bound(form, name), out[13:])
            return bytes(out)

    def open(self, name: str, payload: bytes, *, limit: int = MAX_PLAIN_BYTES) -> bytes:
        """Return the content, of at most `limit` bytes; raise DamagedDataError if it is not what was sealed."""
        return bytes(self.open_here(name, payload, limit=limit))

    def open_here(self, name: str, payload: bytes, *, limit: int = MAX_PLAIN_BYTES) -> Buffer:
        """Do as `open`, but what is returned is good only until the next call."""
        form = payload[0] if payload else 0
        if form not in {_STORED, _ZSTD} or len(payload) < OVERHEAD_BYTES:
            raise DamagedDataError(f"{name} is not a sealed payload")
        size = len(payload) - OVERHEAD_BYTES
        if size > len(self._scratch):
            self._scratch = bytearray(size)
        room = memoryview(self._scratch)[:size]
        try:
            self._cipher.decrypt(payload[1:13], memoryview(payload)[13:], _bound(form, name), room)
        except ForgedError as error:
            raise DamagedDataError(f"{name} was changed in the stream, or sealed with another key") from error
        body: Buffer = room if form == _STORED else self._expanded(name, room, limit)
        if len(body) > limit:
            raise DamagedDataError(f"{name} holds {len(body)} bytes, more than the {limit} allowed")
        return body

    def _compressed(self, plain: Buffer) -> tuple[int, Buffer]:
        if len(plain) > 2 * _PROBE_BYTES:
            probe = memoryview(plain)[:_PROBE_BYTES]
            if len(self._compressor.compress(probe)) > _WORTH_IT * _PROBE_BYTES:
                return _STORED, plain
        body = self._compressor.compress(plain)
        return (_ZSTD, body) if len(body) < len(plain) else (_STORED, plain)

    def _expanded(self, name: str, body: Buffer, limit: int) -> bytes:
        try:
            size = zstandard.frame_content_size(body)
            if not 0 <= size <= limit:
                raise DamagedDataError(f"{name} says it holds {size} bytes, more than the {limit} allowed")
            return self._decompressor.decompress(body, max_output_size=limit)
        except zstandard.ZstdError as error:
            raise DamagedDataError(f"{name} cannot be decompressed") from error


def _derive(key: bytes, purpose: str) -> bytes:
    return blake3(key, derive_key_context=_CONTEXT + purpose).digest()


def _bound(form: int, name: str) -> bytes:
    return b"%c%s" % (form, name.encode())
