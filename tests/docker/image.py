"""An image without a registry: this machine's Python with its libraries and a shell, as a root file system's tar."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

_LEFT_OUT = {"test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "distutils", "pydoc_data", "venv", "unittest", "site-packages", "dist-packages", "__pycache__"}  # fmt: skip  # noqa: E501
_LIBRARY = re.compile(r"(/\S+)")


def python_image(path: Path) -> Path:
    """Write the tar to the path: `python3` and `sh` run in it."""
    binary = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    binary = (binary if binary.exists() else Path(sys.executable)).resolve()
    shell = Path(shutil.which("dash") or "/bin/sh").resolve()
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    with tarfile.open(path, "w") as tar:
        wanted = {str(binary): binary, "/bin/sh": shell}  # where it is, Python finds its library
        wanted |= {str(file): file for file in _modules(stdlib)}
        for library in _libraries([binary, shell, *(file for file in _modules(stdlib) if ".so" in file.suffixes)]):
            wanted[library] = Path(library).resolve()
        for name, source in sorted(wanted.items()):
            tar.add(source, arcname=name.lstrip("/"), recursive=False)
        _link(tar, "usr/bin/python3", str(binary))
        for name in ("tmp", "proc", "dev", "sys", "run", "work"):
            _folder(tar, name)
        _text(tar, "etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
    return path


def _modules(stdlib: Path) -> list[Path]:
    found = []
    for file in stdlib.rglob("*"):
        parts = file.relative_to(stdlib).parts
        if file.is_file() and not _LEFT_OUT.intersection(parts) and not parts[0].startswith("config-"):
            found.append(file)
    return found


def _libraries(files: list[Path]) -> set[str]:
    """Return every shared library that the files are linked with, the loader too."""
    listed = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False).stdout
    names = {match[1] for line in listed.splitlines() if line.startswith(("\t", " ")) for match in [_LIBRARY.search(line)] if match}  # fmt: skip  # noqa: E501
    return {os.path.normpath(name) for name in names if Path(name).is_file()}


def _link(tar: tarfile.TarFile, name: str, to: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, to
    tar.addfile(entry)


def _folder(tar: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
    tar.addfile(entry)


def _text(tar: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(text)
    tar.addfile(entry, io.BytesIO(text.encode()))
