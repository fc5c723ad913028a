"""The `kyc` command: finds the command in the table, loads it, and turns every error into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from kyc.cli.command import BY_NAME
from kyc.cli.parser import UsageError, help_text, parse

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from kyc.cli.output import Output

Handler = Callable[["argparse.Namespace", "Output"], int]

FAILED, USAGE = 1, 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_PIPE_CLOSED = 141  # 128 + SIGPIPE
_CODES = {"InvalidInputError": USAGE, "NotFoundError": 3, "NotAllowedError": 4, "UnreachableError": 5}


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; nothing is raised but SystemExit by `--help` and `--version`."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        code = _main(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader has enough, as `head` does; Python must not flush into it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED


def _main(argv: list[str]) -> int:
    if argv in ([], ["--help"], ["-h"]):
        sys.stdout.write(help_text())
        return 0 if argv else USAGE
    try:
        given = parse(argv)
    except UsageError as error:
        return _complain(str(error), f"see `{error.help_command}`", USAGE)
    return _handle(given)


def _handle(given: argparse.Namespace) -> int:
    from kyc.cli.output import output_for  # noqa: PLC0415  # the help text needs neither
    from kyc.domain.errors import KycError  # noqa: PLC0415

    out = output_for(json=getattr(given, "json", False), env=os.environ)
    try:
        return _load(given.command)(given, out)
    except KycError as error:
        return _complain(str(error), error.next_step, exit_code(error))
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001  # a defect of ours: people get a line, the traceback goes to a file
        return _confess(error)


def exit_code(error: Exception) -> int:
    """Return the exit code of an error: of its class, or the nearest parent that has one."""
    return next((_CODES[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _CODES), FAILED)


def _load(name: str) -> Handler:
    module, _, function = BY_NAME[name].handler.partition(":")
    handler: Handler = getattr(importlib.import_module(f"kyc.cli.{module}"), function)
    return handler


def _complain(message: str, next_step: str, code: int) -> int:
    one_line = " ".join(message.split())
    sys.stdout.flush()
    sys.stderr.write(f"error: {one_line}\n" + (f"next: {' '.join(next_step.split())}\n" if next_step else ""))
    return code


def _confess(error: Exception) -> int:
    from kyc.sdk.discovery import home_folder  # noqa: PLC0415

    log = home_folder() / "logs" / "cli.log"
    where = _write_down(log, "".join(traceback.format_exception(error)))
    return _complain(f"a defect of kyc: {type(error).__name__}: {error}", where, FAILED)


def _write_down(log: Path, text: str) -> str:
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return "please report it, with what you did"
    return f"please report it; {log} has the details"


if __name__ == "__main__":
    sys.exit(main())
