"""PostgreSQL on a socket of its own, from Debian's package or the PATH: one server, a fresh database for each test."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

_numbers = count(1)
_USER = "nobody"  # the server refuses to run as root


@cache
def programs() -> Path | None:
    """Return the folder with the newest server's programs, None where there is none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    return max(found, key=lambda folder: int(folder.parent.name), default=Path(on_path).parent if on_path else None)


def can_be_had() -> bool:
    """Say whether a server is installed."""
    return programs() is not None


class PostgresServer:
    """A server that listens on a Unix socket in its own folder only."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kyc-pg-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, _USER)

    def start(self) -> None:
        """Make the database cluster and start the server; return once it answers."""
        self._run("initdb", "--auth=trust", "--username=kyc", "--no-sync", "--encoding=UTF8", f"--pgdata={self._data}")
        options = (
            f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c max_connections=50 -c fsync=off"
        )
        log = f"--log={self.folder / 'server.log'}"
        self._run("pg_ctl", "start", "--wait", f"--pgdata={self._data}", log, f"--options={options}")

    def close(self) -> None:
        """End it, and remove its files."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait", f"--pgdata={self._data}")
        shutil.rmtree(self.folder)

    def fresh_database(self) -> str:
        """Return the URL of an empty database."""
        name = f"test{next(_numbers)}"
        self._run("createdb", f"--host={self.folder}", "--username=kyc", name)
        return f"postgresql://kyc@/{name}?host={self.folder}"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _run(self, name: str, *options: str) -> None:
        folder = programs()
        assert folder is not None
        unprivileged: dict[str, Any] = {"user": _USER, "extra_groups": []} if os.geteuid() == 0 else {}
        with (self.folder / "programs.log").open("ab") as log:  # a pipe would stay open as long as the server runs
            command = [folder / name, *options]
            done = subprocess.run(
                command, stdout=log, stderr=log, cwd=self.folder, timeout=60, check=False, **unprivileged
            )
        if done.returncode != 0:
            raise RuntimeError(f"{name} failed:\n{(self.folder / 'programs.log').read_text()[-2000:]}")


_shared: list[PostgresServer] = []


def shared_server() -> PostgresServer:
    """Return the one server of this session, started at its first use."""
    if not _shared:
        server = PostgresServer()
        server.start()
        _shared.append(server)
    return _shared[0]


def close_shared_server() -> None:
    """End the shared server, if it was ever started."""
    while _shared:
        _shared.pop().close()
