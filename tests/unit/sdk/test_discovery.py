"""Where the master is, and to whom a token is given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.sdk.discovery import find_master, home_folder, read_master_file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "master.json").write_text(json.dumps({"url": "http://127.0.0.1:7000", "pid": 9, "version": "1"}))
    (tmp_path / "token").write_text("secret\n")
    return tmp_path


def test_the_files_of_a_local_master(home: Path) -> None:
    found = find_master({"KYC_HOME": str(home)})
    assert (found.url, found.token, found.pid) == ("http://127.0.0.1:7000", "secret", 9)
    assert "secret" not in repr(found)


def test_a_local_token_never_goes_elsewhere(home: Path) -> None:
    elsewhere = find_master({"KYC_HOME": str(home), "KYC_URL": "https://kyc.example.com/"})
    assert (elsewhere.url, elsewhere.token, elsewhere.pid) == ("https://kyc.example.com", "", None)
    own = find_master({"KYC_HOME": str(home), "KYC_URL": "http://127.0.0.1:7000"})
    assert (own.token, own.pid) == ("secret", 9)
    assert find_master({"KYC_HOME": str(home), "KYC_TOKEN": "mine"}).token == "mine"


def test_nothing_says_where(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError) as caught:
        find_master({"KYC_HOME": str(tmp_path)})
    assert "kyc up" in caught.value.next_step
    (tmp_path / "master.json").write_text('{"url": ')
    assert read_master_file(tmp_path) is None
    assert home_folder({}) == Path.home() / ".kyc"


@pytest.mark.parametrize("url", ["example.com", "ftp://x", "http://", "http://a b"])
def test_a_wrong_address(url: str) -> None:
    with pytest.raises(InvalidInputError, match="KYC_URL"):
        find_master({"KYC_URL": url})


def test_a_wrong_token(home: Path) -> None:
    with pytest.raises(InvalidInputError, match="KYC_TOKEN"):
        find_master({"KYC_HOME": str(home), "KYC_TOKEN": "a\r\nX: y"})


def test_without_httpx_the_asynchronous_client_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None; import kyc; kyc.Client\n"
        "try: kyc.AsyncClient\nexcept ImportError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "keep-your-cost[async]" in done.stdout
