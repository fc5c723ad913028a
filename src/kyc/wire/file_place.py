"""Where in a workload file a complaint points to: line and column, from what the error itself names."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

_LINE = re.compile(r" at line (\d+), column (\d+)")
_PLACE = re.compile(r"^`?([A-Za-z_][\w-]*(?:\[\d+\])?(?:\.[\w-]+(?:\[\d+\])?)*)`?(?:: | is missing)")
_UNKNOWN = re.compile(r"^unknown key '([^']+)'")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """Line and column from 1, and the key's path where the complaint names one."""

    line: int
    column: int
    key: str = ""


def place_of(complaint: str, text: str) -> FilePlace:
    """Return where the complaint about the text points to; the beginning where it names no place."""
    stopped = _LINE.search(complaint)
    if stopped:
        return FilePlace(line=int(stopped[1]), column=int(stopped[2]))
    named = _UNKNOWN.match(complaint) or _PLACE.match(complaint)
    if named is None:
        return FilePlace(line=1, column=1)
    return _find(named[1], text)


def _find(key: str, text: str) -> FilePlace:
    """Follow the path as far as the file has it."""
    node, line, column = _root(text), 1, 1
    for step in _STEP.finditer(key):
        name, index = step[1], step[2]
        found: yaml.Node | None = None
        if name is not None and isinstance(node, yaml.MappingNode):
            for at, value in node.value:
                if at.value == name:
                    found, line, column = value, at.start_mark.line + 1, at.start_mark.column + 1
        elif index is not None and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
            found = node.value[int(index)]
            line, column = found.start_mark.line + 1, found.start_mark.column + 1
        if found is None:
            break
        node = found
    return FilePlace(line=line, column=column, key=key)


def _root(text: str) -> yaml.Node | None:
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:  # the complaint that is located is about just that
        return None
    return root
