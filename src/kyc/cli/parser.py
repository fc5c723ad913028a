"""The command line's grammar: argparse over the table of commands, and a help text that needs none of it."""

from __future__ import annotations

import argparse
from typing import NoReturn

from kyc.cli.command import BY_NAME, COMMANDS, Command
from kyc.version import VERSION

_INTRO = "Runs work on cheap spot instances and never loses its files."
_ENDING = """\
Every command that shows something takes --json. `kyc COMMAND --help` says more.

Environment: KYC_HOME (default ~/.kyc), KYC_URL and KYC_TOKEN for a master elsewhere, KYC_STREAM_TOKEN, NO_COLOR.
Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 unreachable master."""


class UsageError(Exception):
    """The command line is wrong: what it says, and the command whose help shows how it is right."""

    def __init__(self, message: str, *, help_command: str) -> None:
        super().__init__(message)
        self.help_command = help_command


class Parser(argparse.ArgumentParser):
    """argparse with our way to complain."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError in place of printing and exiting."""
        raise UsageError(message, help_command=f"{self.prog} --help")


class _TopParser(Parser):
    def format_help(self) -> str:
        return help_text()


def help_text() -> str:
    """Return the help of `kyc` itself."""
    width = max(len(command.name) for command in COMMANDS)
    lines = ["usage: kyc COMMAND [OPTIONS]", "", _INTRO]
    for group in dict.fromkeys(command.group for command in COMMANDS):
        lines += ["", f"{group}:"]
        lines += [f"  {c.name.ljust(width)}  {c.help}" for c in COMMANDS if c.group == group]
    return "\n".join([*lines, "", _ENDING, ""])


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _TopParser(prog="kyc", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"kyc {VERSION}")
    parser.add_argument("--json", action="store_true", help="print JSON")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for command in COMMANDS:
        _add(
            commands.add_parser(command.name, help=command.help, allow_abbrev=False, description=_sentence(command)),
            command,
        )
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """Return the arguments; raise UsageError. `--help` and `--version` print and exit with 0."""
    word = next((argument for argument in argv if not argument.startswith("-")), None)
    if word is not None and word not in BY_NAME:
        raise UsageError(f"there is no command '{word}'{_nearest(word)}", help_command="kyc --help")
    if word is None:
        return build_parser().parse_args(argv)
    # Only the one command's own grammar: building all of them takes longer than what most commands do.
    command = BY_NAME[word]
    place = argv.index(word)
    before, after = argv[:place], argv[place + 1 :]
    top = Parser(prog="kyc", allow_abbrev=False, add_help=False)
    top.add_argument("--json", action="store_true")
    top.add_argument("--help", "-h", action="help", help=argparse.SUPPRESS)
    own = Parser(prog=f"kyc {command.name}", allow_abbrev=False, description=_sentence(command))
    _add(own, command)
    namespace = top.parse_args(before)
    namespace.command = command.name
    return own.parse_args(after, namespace)


def _add(parser: argparse.ArgumentParser, command: Command) -> None:
    command.add(parser)
    if command.shows:
        parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")


def _sentence(command: Command) -> str:
    return command.help[0].upper() + command.help[1:] + "."


def _nearest(word: str) -> str:
    import difflib  # noqa: PLC0415  # only to be kind about a mistake

    near = difflib.get_close_matches(word, BY_NAME, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""
