"""Sealed secrets open with the same key and purpose, and with nothing else."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kyc.adapters.system.secrets import KeyFile, read_or_make_key
from kyc.domain.errors import DamagedDataError, InvalidInputError


def test_what_was_sealed_is_opened_by_the_same_key_file(tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret.key"
    sealed = KeyFile(path).seal(b"the key", purpose="workload train")
    assert b"the key" not in sealed.encode()
    assert KeyFile(path).open(sealed, purpose="workload train") == b"the key"
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_purpose_key_or_text_is_refused(tmp_path: Path) -> None:
    ours = KeyFile(tmp_path / "a")
    sealed = ours.seal(b"x", purpose="one")
    broken = sealed[:-6] + ("AAAA" if sealed[-6:-2] != "AAAA" else "BBBB") + sealed[-2:]
    for secrets, text, purpose in (
        (ours, sealed, "two"),
        (KeyFile(tmp_path / "b"), sealed, "one"),
        (ours, broken, "one"),
        (ours, "", "one"),
        (ours, "1.", "one"),
        (ours, "2" + sealed[1:], "one"),
        (ours, "1.???", "one"),
    ):
        with pytest.raises(DamagedDataError):
            secrets.open(text, purpose=purpose)


def test_many_first_users_get_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(read_or_make_key, [tmp_path / "key"] * 16))
    assert len(keys) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key"]


def test_a_key_file_that_others_can_read_or_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    read_or_make_key(path)
    os.chmod(path, 0o644)  # noqa: PTH101
    with pytest.raises(InvalidInputError, match="others"):
        read_or_make_key(path)
    path.write_bytes(b"short")
    with pytest.raises(InvalidInputError, match="not a key file"):
        read_or_make_key(path)


def test_a_derived_secret_depends_on_key_and_purpose(tmp_path: Path) -> None:
    first, second = KeyFile(tmp_path / "a"), KeyFile(tmp_path / "b")
    assert first.derive(purpose="x") == KeyFile(tmp_path / "a").derive(purpose="x")
    assert len({first.derive(purpose="x"), first.derive(purpose="y"), second.derive(purpose="x")}) == 3
