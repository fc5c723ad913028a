"""What a master leaves running in its KYC_HOME when it ends: instances, the stream server, the local cloud."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_DATABASE = "master.db"


def is_left(home: Path) -> bool:
    """Say whether a master that is gone has left something that a new one would find and could end.

    Instances elsewhere have their Terraform workspaces under the home; without the database a new master could not
    know about them. What runs on this machine is found by its lock, and by a path under the home in its command.
    """
    if (home / _DATABASE).exists() and _has_workspaces(home / "terraform"):
        return True
    return _is_locked(home / "local" / "daemon.lock") or _runs_below(home)


def _has_workspaces(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_dir() for path in folder.iterdir())


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _runs_below(home: Path) -> bool:
    """Say so also where the home is called by another of its names, through a link or with '..'."""
    folders = {os.fsencode(folder) + b"/" for folder in (home, home.resolve())}
    return any(folder in command for command in _commands() for folder in folders)


def _commands() -> Iterator[bytes]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                yield (entry / "cmdline").read_bytes()
            except OSError:  # it has ended, or is none of our business
                continue
