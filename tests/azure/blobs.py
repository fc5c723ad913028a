"""Azurite, Microsoft's emulator of Azure's blob storage, on loopback: fetched by npm once, into .cache/azurite."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import tempfile
import time
from email.utils import formatdate
from functools import cache
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path

_HERE = Path(__file__).parent
_CACHE = _HERE.parents[1] / ".cache" / "azurite"
_PROGRAM = "node_modules/azurite/dist/src/blob/main.js"
_START_S = 60
_ACCOUNT, _CONTAINER = "tests", "kyc"
_numbers = count(1)


def can_be_had() -> bool:
    """Say whether this machine has, or could fetch, the emulator."""
    return shutil.which("node") is not None and ((_CACHE / _PROGRAM).exists() or shutil.which("npm") is not None)


class BlobServer:
    """An account with one container."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kyc-blobs-"))
        self.key = base64.b64encode(os.urandom(64)).decode()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, prefix: str) -> str:
        return f"az://{_ACCOUNT}/{_CONTAINER}/{prefix}?endpoint=http://127.0.0.1:{self.port}/{_ACCOUNT}"

    def start(self) -> None:
        """Start it, and return once the container is there."""
        where = (f"--blobPort={self.port}", f"--location={self.folder}")
        how = ("--disableTelemetry", "--disableProductStyleUrl", "--silent", "--skipApiVersionCheck")
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                ("node", _program(), *where, *how),
                stdout=log,
                stderr=log,
                env=os.environ | {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{self.key}"},
            )
        deadline = time.monotonic() + _START_S
        while not self._has_container():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Azurite did not start:\n{(self.folder / 'server.log').read_text()[-3000:]}")
            time.sleep(0.1)

    def close(self) -> None:
        """End it, and remove its files."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _has_container(self) -> bool:
        """Make the container, signed with the account's key as Azure's "Authorize with Shared Key" says."""
        path, query = f"/{_ACCOUNT}/{_CONTAINER}", "restype=container"
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
        named = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
        text = "PUT" + "\n" * 12 + named + f"/{_ACCOUNT}{path}\nrestype:container"
        digest = hmac.digest(base64.b64decode(self.key), text.encode(), hashlib.sha256)
        headers["Authorization"] = f"SharedKey {_ACCOUNT}:{base64.b64encode(digest).decode()}"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("PUT", f"{path}?{query}", headers=headers)
            return connection.getresponse().status in {201, 409}  # made, or there already
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


@cache
def shared_server() -> BlobServer:
    """Return the session's server, started at the first call; `tests/conftest.py` ends it."""
    server = BlobServer()
    server.start()
    return server


def close_shared_server() -> None:
    """End the server, if one was started."""
    if shared_server.cache_info().currsize:
        shared_server().close()


def fresh_prefix() -> str:
    """Return a prefix that no other test uses."""
    return f"test{next(_numbers)}"


@cache
def _program() -> Path:
    """Return the emulator's program, fetched by npm at the first call on this machine."""
    if not (_CACHE / _PROGRAM).exists():
        beside = _CACHE.with_name(f"azurite.{os.getpid()}")
        beside.mkdir(parents=True)
        shutil.copy(_HERE / "package.json", beside)
        quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
        subprocess.run(("npm", "install", *quiet), cwd=beside, check=True, timeout=600, stdout=subprocess.DEVNULL)
        try:
            beside.rename(_CACHE)
        except OSError:  # another session was faster
            shutil.rmtree(beside)
    return _CACHE / _PROGRAM
