"""Two libraries, one format: each reads what the other wrote, and neither takes anything else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.snapshot.cipher import TAG_BYTES, Cipher, ForgedError, OpensslCipher, SodiumCipher, cipher_of

KEY = bytes(range(32))
CIPHERS = (OpensslCipher(KEY), cipher_of(KEY))


def sealed(cipher: Cipher, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
    out = bytearray(len(plain) + TAG_BYTES)
    cipher.encrypt(nonce, plain, bound, memoryview(out))
    return bytes(out)


def opened(cipher: Cipher, nonce: bytes, text: bytes, bound: bytes) -> bytes:
    out = bytearray(len(text) - TAG_BYTES)
    cipher.decrypt(nonce, text, bound, memoryview(out))
    return bytes(out)


@given(st.binary(max_size=2000), st.binary(min_size=12, max_size=12), st.binary(max_size=80))
def test_each_reads_what_the_other_wrote(plain: bytes, nonce: bytes, bound: bytes) -> None:
    texts = {sealed(cipher, nonce, plain, bound) for cipher in CIPHERS}
    assert len(texts) == 1
    (text,) = texts
    for cipher in CIPHERS:
        assert opened(cipher, nonce, text, bound) == plain


@pytest.mark.parametrize("cipher", CIPHERS)
@given(st.data())
def test_what_was_touched_is_refused(cipher: Cipher, data: st.DataObject) -> None:
    text = bytearray(sealed(cipher, bytes(12), b"x" * 100, b"name"))
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for wrong in ((bytes(text), b"name"), (sealed(cipher, bytes(12), b"x" * 100, b"name"), b"other")):
        with pytest.raises(ForgedError):
            opened(cipher, bytes(12), *wrong)


def test_a_processor_with_aes_takes_the_light_one() -> None:
    flags = Path("/proc/cpuinfo").read_text()
    assert isinstance(cipher_of(KEY), SodiumCipher) == bool(
        re.search(r"^(flags|Features)\s*:.*\baes\b", flags, re.MULTILINE)
    )


def test_without_instructions_for_aes_the_other_library_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: object, _key: bytes) -> None:
        raise ImportError

    monkeypatch.setattr(SodiumCipher, "__init__", refuse)
    assert isinstance(cipher_of(KEY), OpensslCipher)
