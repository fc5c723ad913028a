"""A command line in this process, against a master that answers by script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from kyc.cli.main import main
from tests.scripted_master import TOKEN, ScriptedMaster


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        return msgspec.json.decode(self.out)

    @property
    def records(self) -> list[dict[str, object]]:
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


Kyc = Callable[..., Done]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty KYC_HOME, with nothing of the outside left in the environment."""
    for name in ("KYC_URL", "KYC_TOKEN", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KYC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def kyc(home: Path, capsys: pytest.CaptureFixture[str]) -> Kyc:
    """Run a command; no traceback may ever show."""

    def run(*arguments: object) -> Done:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture
def master(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedMaster]:
    with ScriptedMaster().running() as running:
        monkeypatch.setenv("KYC_URL", running.url)
        monkeypatch.setenv("KYC_TOKEN", TOKEN)
        yield running
