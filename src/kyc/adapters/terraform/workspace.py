"""The folder of one deployment: module files, variables, state. Everything in it can be made again but the state."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

STATE = "terraform.tfstate"
VARIABLES = "terraform.tfvars.json"
_OUTPUTS = "outputs.json"  # what a deployment that lasts put out, and for which module and variables
_MADE_BY_INIT = (".terraform", ".terraform.lock.hcl")
_INITIALISED = "initialised"  # holds the fingerprint of what `init` was last run for


class Workspace:
    """One deployment's folder under the root; the lock lies beside it, since the folder is removed while it is held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock_path = folder.with_name(f"{folder.name}.lock")
        self.log = folder / "engine.log"

    def prepare(self, module: Path, files: Iterable[str], variables: Mapping[str, object]) -> None:
        """Write the module's files and the variables (readable by the owner only), and mend a torn state."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for source in _sources(module, files):
            _write(self.folder / source.name, source.read_bytes())
        _write(self.folder / VARIABLES, json.dumps(variables, indent=1).encode())
        self._mend_state()

    def is_initialised(self, fingerprint: str) -> bool:
        """Say whether `init` was run for this."""
        marker = self.folder / _INITIALISED
        return marker.exists() and marker.read_text() == fingerprint

    def set_initialised(self, fingerprint: str) -> None:
        """Remember that `init` was run for this."""
        _write(self.folder / _INITIALISED, fingerprint.encode())

    def hand_on(self, made: Path) -> None:
        """Keep what `init` made here (links into the plug-in cache, a lock file) for other workspaces."""
        beside = made.with_name(f".{made.name}.new")
        for path in (beside, made):
            shutil.rmtree(path, ignore_errors=True)
        make_folder(beside)
        for name in _MADE_BY_INIT:
            source = self.folder / name
            if source.is_dir():
                shutil.copytree(source, beside / name, symlinks=True)
            elif source.exists():
                shutil.copy2(source, beside / name)
        beside.replace(made)

    def take_over(self, made: Path) -> bool:
        """Take what `init` made in another workspace of the same module; False if there is nothing."""
        if not made.is_dir():
            return False
        shutil.copytree(made, self.folder, symlinks=True, dirs_exist_ok=True)
        return True

    def has_state(self) -> bool:
        """Say whether the engine knows of anything that it made; what it only looked up does not count."""
        state = self.folder / STATE
        return _makes(state if state.exists() else self.folder / f"{STATE}.backup")

    def write(self, name: str, content: bytes) -> None:
        """Write a file beside the module's."""
        _write(self.folder / name, content)

    def keep_outputs(self, mark: str, outputs: Mapping[str, Any]) -> None:
        """Remember what was put out for this mark."""
        self.write(_OUTPUTS, json.dumps({"mark": mark, "outputs": outputs}).encode())

    def outputs(self, mark: str) -> dict[str, Any] | None:
        """Return what was put out for this mark; None if nothing was, or for another."""
        try:
            kept = json.loads((self.folder / _OUTPUTS).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return kept["outputs"] if kept["mark"] == mark else None

    def forget_outputs(self) -> None:
        """Have it made again before it is used again."""
        (self.folder / _OUTPUTS).unlink(missing_ok=True)

    def exported(self) -> dict[str, str]:
        """Return the module, the variables and the state, by file name; user data is left out: it holds a token."""
        if not self.folder.exists():
            return {}
        files = [path for path in self.folder.iterdir() if path.is_file() and path.suffix in {".tf", ".hcl", ".py"}]
        found = {path.name: path.read_text() for path in sorted(files)}
        for name in (VARIABLES, STATE):
            path = self.folder / name
            if path.exists():
                found[name] = path.read_text()
        if VARIABLES in found:
            variables = json.loads(found[VARIABLES])
            if "user_data" in variables:
                variables["user_data"] = dict.fromkeys(variables["user_data"], "")
            found[VARIABLES] = json.dumps(variables, indent=1)
        return found

    def remove(self) -> None:
        """Remove the folder and the lock file. The lock must be held, and nothing of the deployment exist."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.lock_path.unlink(missing_ok=True)

    def _mend_state(self) -> None:
        """Put the engine's own backup in place of a state that was cut short.

        The engine writes its state in place, so that a kill in the middle leaves half of it. What the backup does not
        know of is found by its tags.
        """
        state = self.folder / STATE
        backup = self.folder / f"{STATE}.backup"
        if not state.exists() or _is_json(state):
            return
        state.replace(self.folder / f"{STATE}.damaged")
        if backup.exists() and _is_json(backup):
            shutil.copy2(backup, state)


def fingerprint(module: Path, files: Iterable[str], engine: tuple[str, ...]) -> str:
    """Return what the result of `init` depends on, as a hash."""
    digest = hashlib.sha256(repr(engine).encode())
    for source in _sources(module, files):
        digest.update(source.read_bytes())
    return digest.hexdigest()


@asynccontextmanager
async def scratch(root: Path) -> AsyncIterator[Workspace]:
    """Give an empty workspace that is gone afterwards: nothing can be made in it, for nobody would remember."""
    make_folder(root)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        yield Workspace(Path(folder) / "workspace")


def make_folder(path: Path) -> None:
    """Make a folder for the owner alone, unless it is there."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)


def _sources(module: Path, files: Iterable[str]) -> list[Path]:
    return [*sorted(module.glob("*.tf")), *(module / name for name in files)]


def _write(path: Path, content: bytes) -> None:
    """Write beside and rename, so that nobody ever sees half; leave a file alone that has this content."""
    if path.exists() and path.read_bytes() == content:
        return
    beside = path.with_name(f".{path.name}.new")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    beside.replace(path)


def _makes(state: Path) -> bool:
    try:
        resources = json.loads(state.read_bytes()).get("resources", [])
    except FileNotFoundError:
        return False
    except ValueError:
        return True  # nobody knows: the engine is asked
    return any(one.get("mode") != "data" and one.get("instances") for one in resources)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True
