"""Which files of a folder are uploaded: `.kycignore`, else `.skyignore`, else git's own rules without `.git`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from kyc.domain.errors import InvalidInputError

OWN_FILES = (".kycignore", ".skyignore")
GIT_FILE = ".gitignore"
_GIT_FOLDER = ".git"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A path to upload: relative with '/', and what `lstat` said of it."""

    path: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Whether it is a real folder, not a link to one."""
        return stat.S_ISDIR(self.status.st_mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """One ignore file's patterns, for everything below `folder` ('' for the root)."""

    folder: str
    patterns: GitIgnoreSpec

    def verdict(self, path: str) -> bool | None:
        """Say whether to leave the path out; None if no pattern is about it."""
        return self.patterns.check_file(path.removeprefix(self.folder)).include


def walk(root: Path) -> Iterator[Found]:
    """Yield what is to be uploaded, folders before their content, in the same order for the same tree.

    A folder that is left out is not entered. Raises InvalidInputError for what cannot be read.
    """
    own = next((name for name in OWN_FILES if (root / name).is_file()), None)
    first = _read_rules(root / own, "") if own else None
    yield from _walk(root, "", [first] if first else [], git=own is None)


def _walk(root: Path, prefix: str, rules: list[_Rules], *, git: bool) -> Iterator[Found]:
    if git and (own := _read_rules(root / prefix / GIT_FILE, prefix)) is not None:
        rules = [*rules, own]
    for entry in _entries(root / prefix):
        path = prefix + entry.name
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # removed since the folder was listed
            continue
        found = Found(path=path, status=status)
        if (git and entry.name == _GIT_FOLDER) or _is_left_out(path + "/" * found.is_folder, rules):
            continue
        yield found
        if found.is_folder:
            yield from _walk(root, path + "/", rules, git=git)


def _is_left_out(path: str, rules: list[_Rules]) -> bool:
    """Say what the nearest ignore file with an opinion says."""
    verdicts = (rule.verdict(path) for rule in reversed(rules))
    return next((verdict for verdict in verdicts if verdict is not None), False)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listed:
            return sorted(listed, key=lambda entry: os.fsencode(entry.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(folder, error) from error


def _read_rules(file: Path, folder: str) -> _Rules | None:
    try:
        lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return _Rules(folder=folder, patterns=GitIgnoreSpec.from_lines(lines))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise unreadable(file, error) from error
    except ValueError as error:
        raise InvalidInputError(f"{file}: {error}", next_step="Correct that pattern.") from error


def unreadable(path: Path, error: OSError) -> InvalidInputError:
    """Return the error for what is in the folder and cannot be read."""
    return InvalidInputError(
        f"{path} cannot be read: {error.strerror}",
        next_step="Make it readable, or leave it out with a line in .kycignore.",
    )
