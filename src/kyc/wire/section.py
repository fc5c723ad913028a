"""One mapping of a workload file with its path, so that every complaint names the place."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from kyc.domain.errors import InvalidInputError

T = TypeVar("T")
_MISSING: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Keys and values at `path` ('' for the file itself). A null value counts as a missing key."""

    values: Mapping[str, object]
    path: str = ""

    def place(self, key: str) -> str:
        """Return the key with its path, such as `resources.cpus`."""
        return f"{self.path}.{key}" if self.path else key

    def get(self, key: str) -> object:
        """Return the value, None if it is missing."""
        return self.values.get(key, _MISSING)

    def text(self, key: str, default: str = "") -> str:
        """Return a text value; numbers are not texts, so that nothing is silently respelled."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, "not a text", next_step="Put it in quotes.")
        if "\0" in value:
            raise self.wrong(key, "not a text that a command could hold (it has a NUL character)")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "neither true nor false")
        return value

    def parsed(self, key: str, parse: Callable[[object], T], default: T) -> T:
        """Return what `parse` makes of the value; its ValueError completes "KEY: VALUE is ..."."""
        value = self.get(key)
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError as error:
            raise self.wrong(key, str(error)) from error

    def wrong(self, key: str, what: str, *, next_step: str = "") -> InvalidInputError:
        """Return the error that names the place, the value and what it is."""
        return InvalidInputError(
            f"{self.place(key)}: {reprlib.repr(self.get(key))} is {what}",
            next_step=next_step or f"Correct `{self.place(key)}`.",
        )


def section_of(value: object, path: str = "") -> Section:
    """Return the value as a section; raise InvalidInputError if it is not a mapping with text keys."""
    if not isinstance(value, Mapping):
        raise InvalidInputError(
            f"{path}: {reprlib.repr(value)} is not a mapping of keys to values",
            next_step=f"Write `{path}:` and its keys below it, indented.",
        )
    for key in value:
        if not isinstance(key, str):
            raise InvalidInputError(
                f"the key {reprlib.repr(key)}{f' in {path}' if path else ''} is not a text",
                next_step="Put it in quotes if it is meant.",
            )
    return Section(values=value, path=path)


def refuse_unknown(section: Section, known: Iterable[str]) -> None:
    """Raise InvalidInputError for a key that is not known; it names the key, its path and the nearest known one."""
    names = sorted(known)
    for key in section.values:
        if key in names:
            continue
        near = difflib.get_close_matches(key, [name for name in names if not name.startswith("_")], n=3, cutoff=0.0)
        places = [f"`{section.place(name)}`" for name in near]
        raise InvalidInputError(
            f"unknown key '{section.place(key)}'; the nearest known one is '{section.place(near[0])}'",
            next_step=f"Write {', '.join(places[:-1])} or {places[-1]}, or see docs/workload-file.md for all keys.",
        )
