"""Where Apache Kafka's jars come from: an installation that KAFKA_HOME names, or Maven, once, into .cache/kafka."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

VERSION = "4.3.0"  # as in pom.xml
_HERE = Path(__file__).parent
_CACHE = _HERE.parents[1] / ".cache" / "kafka" / VERSION


def can_be_had() -> bool:
    """Say whether this machine has, or could fetch, a broker: Java, and the jars or Maven."""
    return shutil.which("java") is not None and (
        "KAFKA_HOME" in os.environ or (_CACHE / "libs").is_dir() or shutil.which("mvn") is not None
    )


@cache
def libs() -> Path:
    """Return the folder of jars, fetched by Maven at the first call on this machine (44 MB)."""
    if home := os.environ.get("KAFKA_HOME"):
        return Path(home) / "libs"
    ready = _CACHE / "libs"
    if not ready.is_dir():
        _fetch(ready)
    return ready


def archive() -> Path:
    """Return where the class-data archive of these jars lies, or will lie: it halves the broker's start."""
    return _CACHE / ("home.jsa" if "KAFKA_HOME" in os.environ else "broker.jsa")


def _fetch(ready: Path) -> None:
    beside = ready.with_name(f"libs.{os.getpid()}")
    goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={beside}")
    subprocess.run(("mvn", "-q", "-B", "-f", str(_HERE / "pom.xml"), *goal), check=True, timeout=600)
    try:
        beside.rename(ready)
    except OSError:  # another session was faster
        shutil.rmtree(beside)
