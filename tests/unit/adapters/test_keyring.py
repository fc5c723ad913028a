"""The key in the system's keyring, by a keyring of the library's own kind that lives in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked, PasswordDeleteError

from kyc.adapters.system.keyring import SERVICE, read_or_make_kept_key
from kyc.adapters.system.secrets import read_or_make_key
from kyc.domain.errors import InvalidInputError


class Memory(KeyringBackend):
    """A keyring as a signed-in person has one."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("it is locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise KeyringLocked("it is locked")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        raise PasswordDeleteError(username)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.fixture
def ring() -> Memory:
    made = Memory()
    keyring.set_keyring(made)
    return made


def test_the_key_is_in_the_keyring_and_in_no_file(ring: Memory, tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret.key"
    key = read_or_make_kept_key(path)
    assert len(key) == 32
    assert read_or_make_kept_key(path) == key
    assert [service for service, _ in ring.kept] == [SERVICE]
    assert not path.exists()
    [note] = path.parent.iterdir()
    assert key not in note.read_bytes()
    assert read_or_make_kept_key(tmp_path / "another" / "secret.key") != key


def test_a_key_file_that_is_there_counts_first(ring: Memory, tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    key = read_or_make_key(path)
    assert read_or_make_kept_key(path) == key
    assert ring.kept == {}


def test_without_a_real_keyring_it_is_a_file(tmp_path: Path) -> None:
    keyring.set_keyring(NoKeyring())
    path = tmp_path / "secret.key"
    key = read_or_make_kept_key(path)
    assert path.read_bytes() == key
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_keyring_that_is_locked_or_gone_makes_no_second_key(ring: Memory, tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    key = read_or_make_kept_key(path)
    ring.locked = True
    with pytest.raises(InvalidInputError, match="locked") as refused:
        read_or_make_kept_key(path)
    assert "unlock" in refused.value.next_step
    keyring.set_keyring(NoKeyring())
    with pytest.raises(InvalidInputError, match="none here"):
        read_or_make_kept_key(path)
    keyring.set_keyring(ring)
    ring.locked = False
    assert read_or_make_kept_key(path) == key
    ring.kept.clear()
    with pytest.raises(InvalidInputError, match="nothing called"):
        read_or_make_kept_key(path)


def test_one_that_is_locked_at_first_is_told(ring: Memory, tmp_path: Path) -> None:
    ring.locked = True
    with pytest.raises(InvalidInputError, match="locked") as refused:
        read_or_make_kept_key(tmp_path / "secret.key")
    assert "KYC_KEYRING=off" in refused.value.next_step
    assert not list(tmp_path.iterdir())
