"""What the command line prints: tables and lines for people, JSON for programs. Plain text, no library."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from kyc.cli.words import NONE

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}
STATE_STYLES = {
    "running": "green",
    "ready": "green",
    "succeeded": "green",
    "applied": "green",
    "migrating": "yellow",
    "noticed": "yellow",
    "draining": "yellow",
    "failed": "red",
    "lost": "red",
    "stopped": "dim",
    "terminated": "dim",
    "destroyed": "dim",
}
_GAP = "  "
_COLORS = re.compile(r"(\x1b\[[0-9;]*m)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_RESET = "\x1b[0m"


class Sink(Protocol):
    """What can be printed to; every file of text is one."""

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a style's name, '' for none."""

    text: str
    style: str = ""


def state_cell(state: str) -> Cell:
    """Return a state in its colour."""
    return Cell(state, STATE_STYLES.get(state, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where a command prints. `json`: one document, or one object a line for what goes on and on.

    `terminal`: what is printed must not be able to do more to it than write and colour.
    """

    json: bool = False
    color: bool = False
    terminal: bool = False
    stdout: Sink
    stderr: Sink

    def document(self, value: object) -> None:
        """Print a value as one JSON document."""
        self.line(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())

    def record(self, value: object) -> None:
        """Print a value as one line of JSON, at once."""
        self.line(msgspec.json.encode(value).decode())

    def line(self, text: str = "") -> None:
        """Print a line, at once."""
        self.stdout.write((harmless(text) if self.terminal else text) + "\n")
        self.stdout.flush()

    def note(self, text: str) -> None:
        """Print a line that is not the answer itself, to standard error."""
        self.stderr.write(text + "\n")
        self.stderr.flush()

    def paint(self, cell: Cell | str) -> str:
        """Return the text in its style, if this output has colours."""
        if isinstance(cell, str) or not cell.style or not self.color:
            return cell if isinstance(cell, str) else cell.text
        return f"\x1b[{STYLES[cell.style]}m{cell.text}\x1b[0m"

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Cell | str]]) -> None:
        """Print aligned columns; the name of a column of numbers begins with '>'."""
        heads = [Cell(name.removeprefix(">"), "dim") for name in columns]
        lines = [heads, *([_cell(value) for value in row] for row in rows)]
        widths = [max(len(line[place].text) for line in lines) for place in range(len(columns))]
        for line in lines:
            parts = [
                self._aligned(cell, width, right=name.startswith(">"))
                for cell, width, name in zip(line, widths, columns, strict=True)
            ]
            self.line(_GAP.join(parts).rstrip())

    def facts(self, facts: Mapping[str, Cell | str]) -> None:
        """Print names and values, one a line; what is empty or not known is left out."""
        shown = {name: _cell(value) for name, value in facts.items() if _cell(value).text not in {"", NONE}}
        width = max((len(name) for name in shown), default=0)
        for name, cell in shown.items():
            for number, line in enumerate(cell.text.splitlines()):
                label = Cell((name if number == 0 else "").ljust(width), "dim")
                self.line(self.paint(label) + _GAP + self.paint(Cell(line, cell.style)))

    def _aligned(self, cell: Cell, width: int, *, right: bool) -> str:
        blank = " " * (width - len(cell.text))
        return blank + self.paint(cell) if right else self.paint(cell) + blank


def output_for(*, json: bool, env: Mapping[str, str]) -> Output:
    """Return the output of this process: coloured only on a terminal, and not if NO_COLOR says so."""
    terminal = not json and sys.stdout.isatty()
    color = terminal and not env.get("NO_COLOR") and env.get("TERM") != "dumb"
    return Output(json=json, color=color, terminal=terminal, stdout=sys.stdout, stderr=sys.stderr)


def harmless(text: str) -> str:
    """Return the text with its colours, and every other control character made visible: `^[` for escape.

    A line that is written over itself, as by a progress bar, is what it was at its end.
    """
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join(_harmless_line(line) for line in lines)


def _harmless_line(line: str) -> str:
    pieces = _COLORS.split(line)
    safe = "".join(piece if _COLORS.fullmatch(piece) else _CONTROL.sub(_visible, piece) for piece in pieces)
    return safe if len(pieces) == 1 or safe.endswith(_RESET) else safe + _RESET


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"^{chr(code ^ 0x40)}" if code < 0x80 else f"\\x{code:02x}"


def _cell(value: Cell | str) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)
