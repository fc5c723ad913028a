"""The command line's words: help, mistakes, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kyc.cli.command import COMMANDS
from kyc.cli.main import exit_code
from kyc.domain import errors
from tests.scripted_master import Answer, Asked, ScriptedMaster
from tests.unit.cli.conftest import Kyc

GOLDEN = Path(__file__).parent / "help.txt"


def test_the_help_is_what_was_agreed(kyc: Kyc) -> None:
    done = kyc("--help")
    assert done.code == 0
    assert done.out == GOLDEN.read_text()
    assert kyc("-h").out == done.out
    assert kyc().code == 2


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str], kyc: Kyc) -> None:
    with pytest.raises(SystemExit) as left:
        kyc(command, "--help")
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: kyc {command}")


def test_version(kyc: Kyc) -> None:
    with pytest.raises(SystemExit) as left:
        kyc("--version")
    assert left.value.code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pss"], "did you mean 'ps'?"),
        (["zzz"], "there is no command 'zzz'"),
        (["ps", "--wide"], "--wide"),
        (["--wide"], "COMMAND"),
        (["run"], "FILE"),
        (["run", "a.yaml", "--env", "X"], "has no '='"),
        (["interrupt", "i-1", "--notice", "soon"], "soon"),
        (["interrupt", "i-1", "--notice", "-1"], "below zero"),
        (["restore", "x"], "--to"),
        (["stream", "list", "kafka://there"], "takes no URL"),
        (["terminate"], ""),
        (["completion", "elvish"], "elvish"),
        (["offers", "--spot", "--on-demand"], "not allowed with"),
        (["events", "--kind", "jobs"], "no events of the kind 'jobs'"),
        (["events", "--since", "yesterday"], "--since"),
    ],
)
def test_mistakes_are_usage_errors(kyc: Kyc, master: ScriptedMaster, arguments: list[str], words: str) -> None:
    done = kyc(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert "\nnext: " in done.err
    assert words in done.err
    assert master.asked == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInputError, 2),
        (errors.NotFoundError, 3),
        (errors.NotAllowedError, 4),
        (errors.UnreachableError, 5),
        (errors.ConflictError, 1),
        (errors.QuotaError, 1),
        (errors.KycError, 1),
    ],
)
def test_exit_codes(kyc: Kyc, master: ScriptedMaster, error: type[errors.KycError], code: int) -> None:
    def fail(_: Asked) -> object:
        raise error("what\nis wrong", next_step="do\nthis")

    master.on("GET", "/workloads", fail)
    done = kyc("ps")
    assert (done.code, done.out) == (code, "")
    assert done.err == "error: what is wrong\nnext: do this\n"
    assert exit_code(error("x")) == code


def test_a_wrong_token_says_what_to_do(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("GET", "/workloads", Answer(status=401))
    done = kyc("ps")
    assert done.code == 4
    assert "KYC_TOKEN" in done.err


def test_no_master(kyc: Kyc) -> None:
    done = kyc("ps", "--json")
    assert (done.code, done.out) == (5, "")
    assert "kyc up" in done.err


def test_a_defect_of_ours_is_one_line(kyc: Kyc, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("kyc.cli.ps.ps", broken)
    done = kyc("ps")
    assert done.code == 1
    assert done.err.startswith("error: a defect of kyc: ZeroDivisionError: oops\nnext: ")
    assert "Traceback" in (home / "logs" / "cli.log").read_text()


def test_ctrl_c(kyc: Kyc, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("kyc.cli.ps.ps", interrupted)
    assert kyc("ps").code == 130


@pytest.mark.parametrize("arguments", [["--help"], ["completion", "bash"], ["doctor"]])
def test_a_closed_pipe_is_no_trouble(arguments: list[str], home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "kyc.cli.main", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 141


def test_completion_knows_the_commands(kyc: Kyc) -> None:
    for shell in ("bash", "zsh", "fish"):
        script = kyc("completion", shell).out
        assert all(command.name in script for command in COMMANDS)
        assert "dry-run" in script
