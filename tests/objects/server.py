"""SeaweedFS's S3 server on loopback, from its PyPI wheel: started, killed and started again with the same files."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from itertools import count
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

_START_S = 60
_KEY, _SECRET, _BUCKET = "tests", "tests-secret", "kyc"
_numbers = count(1)


def weed() -> Path:
    """Return where the server's program would be."""
    return Path(sys.executable).with_name("weed")


def can_be_had() -> bool:
    """Say whether the server is installed."""
    return weed().exists()


class ObjectServer:
    """An S3 server with one bucket. It keeps its port and its files over `kill` and `start`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kyc-objects-"))
        names = ("master", "volume", "filer", "s3")
        pairs = _free_ports(2 * len(names))
        self._ports = dict(zip(names, zip(pairs[::2], pairs[1::2], strict=True), strict=True))
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": _KEY, "secretKey": _SECRET}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._ports['s3'][0]}"

    @property
    def token(self) -> str:
        return f"{_KEY}:{_SECRET}"

    def url(self, prefix: str) -> str:
        return f"s3://{_BUCKET}/{prefix}?endpoint={self.endpoint}&region=us-east-1"

    def start(self) -> None:
        """Start it, and return once it takes and gives objects."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        ports = [
            f"-{name}.port{kind}={port}"
            for name, pair in self._ports.items()
            for kind, port in zip(("", ".grpc"), pair, strict=True)
        ]
        loopback = ("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false")
        less = ("-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=20", "-master.volumeSizeLimitMB=64")
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                (weed(), "server", f"-dir={data}", "-filer", "-s3", "-s3.config=s3.json", *loopback, *ports, *less),
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the S3 server did not start:\n{(self.folder / 'server.log').read_text()[-3000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        if not _listens(self._ports["s3"][0]):
            return False
        store = S3Store(
            _BUCKET,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=_KEY,
            secret_access_key=_SECRET,
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )
        try:
            obstore.put(store, "started", b"x")  # makes the bucket, too
        except (BaseError, FileNotFoundError):
            return False
        return True


@cache
def shared_server() -> ObjectServer:
    """Return the session's server, started at the first call; `tests/conftest.py` ends it."""
    server = ObjectServer()
    server.start()
    return server


def close_shared_server() -> None:
    """End the server, if one was started."""
    if shared_server.cache_info().currsize:
        shared_server().close()


def fresh_prefix() -> str:
    """Return a prefix that no other test uses."""
    return f"test{next(_numbers)}"


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
