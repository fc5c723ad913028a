"""Agent bundles: what an instance needs to run the agent, a tar for each Python and processor; nothing is compiled.

The agent's own code is this installation's, its libraries are wheels of the versions that are installed here: taken
from here for this machine's own Python, fetched from the package index for others. The same content gives the same
bytes, so that its hash says what it is; a bundle is made once and kept.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import logging
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

from kyc.domain.errors import InvalidInputError, NotFoundError, UnreachableError

log = logging.getLogger(__name__)

# What the agent imports (a test runs it with nothing else).
LIBRARIES = ("blake3", "cffi", "msgspec", "pycparser", "pyfastcdc", "pynacl", "typing-extensions", "zstandard")
_PARTS = ("agent", "domain", "planning", "ports", "snapshot", "wire")
_ADAPTERS = ("aws", "azure", "directory", "gcp", "kafka", "nats", "objects", "process", "system")
_MACHINES = {"x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_TAG = re.compile(r"cp3(\d{1,2})-(x86_64|aarch64)")
_GLIBC = ("manylinux_2_17", "manylinux2014", "manylinux_2_28")
_LONGEST_S = 300.0
_UNUSED = ("zstandard/_cffi", "zstandard/backend_cffi")  # a second implementation, twice as large as the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle on the disk."""

    tag: str
    path: Path
    sha256: str


@dataclass(slots=True)
class Bundles:
    """The bundles of this installation, in a folder. `tags` are those that instances may need, as `cp312-x86_64`."""

    folder: Path
    tags: tuple[str, ...]
    _made: dict[str, Bundle] = field(default_factory=dict)
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def hashes(self, machine: str) -> dict[str, str]:
        """Return the hash of each bundle for the processor, made now if it was not.

        One that cannot be made is left out, and tried again the next time; raise UnreachableError if none can.
        """
        found: dict[str, str] = {}
        failures = []
        for tag in (tag for tag in self._wanted() if tag.endswith(f"-{machine}")):
            try:
                found[tag] = (await self.get(tag)).sha256
            except UnreachableError as error:
                log.warning("bundle_not_made", extra={"tag": tag, "why": str(error)})
                failures.append(error)
        if failures and not found:
            raise failures[0]
        return found

    async def get(self, tag: str) -> Bundle:
        """Return a bundle; raise NotFoundError for one of another tag, UnreachableError if it cannot be made."""
        if tag not in self._wanted():
            known = ", ".join(self._wanted())
            raise NotFoundError(f"there is no agent for {tag[:40]!r}", next_step=f"There are {known}.")
        async with self._making:
            if tag not in self._made:
                self._made[tag] = await asyncio.to_thread(make_bundle, self.folder, tag)
            return self._made[tag]

    def _wanted(self) -> tuple[str, ...]:
        """Return the tags; this machine's own is always one of them, for it takes no network."""
        return tuple(dict.fromkeys((*self.tags, own_tag())))


def own_tag() -> str:
    """Return the tag of this very Python."""
    return f"cp{sys.version_info[0]}{sys.version_info[1]}-{_MACHINES.get(platform.machine(), platform.machine())}"


def make_bundle(folder: Path, tag: str) -> Bundle:
    """Make a bundle, or return the one that was made of the same content before."""
    if _TAG.fullmatch(tag) is None:
        raise InvalidInputError(f"{tag!r} is no tag of a Python and a processor", next_step="Write it as cp312-x86_64.")
    files = dict(_own_code())
    key = hashlib.sha256(repr((tag, sorted(files.items()), _versions())).encode()).hexdigest()[:16]
    path = folder / f"agent-{tag}-{key}.tar.gz"
    if not path.is_file():
        files |= dict(_installed() if tag == own_tag() else _fetched(tag))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as beside:
            beside.write(_packed(files))
        Path(beside.name).replace(path)
    return Bundle(tag=tag, path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _own_code() -> Iterator[tuple[str, bytes]]:
    """Yield the agent's modules: all that is below what it may import, and nothing of the master."""
    root = Path(str(files("kyc")))  # by name: the package itself is above us
    folders = [root / part for part in _PARTS] + [root / "adapters" / name for name in _ADAPTERS]
    for path in [root / "__init__.py", root / "streams.py", root / "version.py", root / "adapters" / "__init__.py"]:
        yield f"kyc/{path.relative_to(root)}", path.read_bytes()
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        yield f"kyc/{path.relative_to(root)}", path.read_bytes()


def _versions() -> list[tuple[str, str]]:
    return [(name, _distribution(name).version) for name in LIBRARIES]


def _installed() -> Iterator[tuple[str, bytes]]:
    for name in LIBRARIES:
        found = _distribution(name)
        for file in found.files or ():
            outside = ".." in file.parts or file.suffix == ".pyc" or file.parts[0].endswith((".dist-info", ".data"))
            if not outside and not str(file).startswith(_UNUSED):
                yield str(file), Path(str(found.locate_file(file))).read_bytes()


def _fetched(tag: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the wheels for another Python or processor, from the package index."""
    minor, machine = tag.removeprefix("cp3").split("-")
    platforms = [word for glibc in _GLIBC for word in ("--platform", f"{glibc}_{machine}")]
    wanted = [f"{name}=={version}" for name, version in _versions()]
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        argv += ["--python-version", f"3.{minor}", *platforms, "--dest", folder, *wanted]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnreachableError(f"the agent's libraries for {tag} cannot be fetched: {error}") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise UnreachableError(
                f"the agent's libraries for {tag} cannot be fetched: {last}",
                next_step="Let the master reach the package index once; what it fetched is kept.",
            )
        for wheel in sorted(Path(folder).glob("*.whl")):
            yield from _of_wheel(wheel)


def _of_wheel(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            if not name.endswith("/") and ".dist-info/" not in name and not name.startswith(_UNUSED):
                yield name, wheel.read(name)


def _packed(files: dict[str, bytes]) -> bytes:
    """Return the files as tar.gz, the same bytes for the same files."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=5, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return buffer.getvalue()


def _distribution(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise UnreachableError(f"the agent needs {name}, which is not installed here") from error
