"""KYC_HOME."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kyc.domain.errors import ConflictError, InvalidInputError
from kyc.master.home import Home, MasterFile


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(path=tmp_path / "a" / "home")
    home.prepare()
    return home


def test_secrets_are_made_once_and_for_us_alone(home: Home) -> None:
    token, master_id = home.admin_token(), home.master_id()
    assert len(token) > 40
    assert (home.admin_token(), home.master_id()) == (token, master_id)
    (home.path / "token").chmod(0o644)
    assert home.admin_token() == token
    assert stat.S_IMODE((home.path / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_an_empty_token_is_none(home: Home) -> None:
    (home.path / "token").write_text("\n")
    assert len(home.admin_token()) > 40


def test_one_master_at_a_time(home: Home) -> None:
    told = MasterFile(pid=7, url="http://127.0.0.1:7070", version="1", started_at=datetime(2025, 3, 1, tzinfo=UTC))
    with home.locked(), home.told(told):
        assert home.read_master_file() == told
        with pytest.raises(ConflictError, match=r"process 7, http://127.0.0.1:7070") as refused, home.locked():
            pass
        assert refused.value.next_step
    assert home.read_master_file() is None
    with home.locked():
        pass


def test_a_home_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="cannot be used") as wrong:
        Home(path=tmp_path / "file" / "home").prepare()
    assert wrong.value.next_step
