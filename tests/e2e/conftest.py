"""A whole kyc for each test: a master as a process, its local cloud and stream, all gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from kyc import Client
from kyc.domain.errors import KycError
from tests.needs import need

T = TypeVar("T")


@dataclass(slots=True)
class Kyc:
    """One KYC_HOME and what runs in it."""

    home: Path
    client: Client
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, check: bool = True, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KYC_")}
        done = subprocess.run(
            [sys.executable, "-m", "kyc.cli.main", *arguments],
            env=environment | self.env | {"KYC_HOME": str(self.home), "KYC_KEYRING": "off", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"kyc {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def up(self, *options: str) -> None:
        self.run("up", "--detach", "--port", "0", *options, timeout_s=180)

    def eventually(self, what: str, look: Callable[[], T | None], *, timeout_s: float = 30) -> T:
        """Return what `look` finds; fail when it finds nothing in time. A master that is away is waited for."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            try:
                found = look()
            except KycError:
                found = None
            if found is not None:
                return found
            time.sleep(0.05)
        log = (self.home / "logs" / "master.log").read_text()[-3000:]
        raise AssertionError(f"waited {timeout_s} s in vain for {what}\n{log}")


@contextmanager
def living(home: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Kyc]:
    """A kyc that is up, and ended with everything that it ran."""
    with Client(home=home) as client:
        made = Kyc(home, client, env or {})
        try:
            made.up(*options)
            yield made
        finally:
            made.run("down", "--all", timeout_s=120)


@pytest.fixture
def kyc(tmp_path: Path) -> Iterator[Kyc]:
    need("terraform")
    with living(tmp_path / "home") as made:
        yield made


@pytest.fixture
def isolated_kyc(tmp_path: Path) -> Iterator[Kyc]:
    """Its instances have networks of their own, which can be cut."""
    need("terraform")
    need("userns")
    with living(tmp_path / "home", "--local-mode", "isolated") as made:
        yield made
