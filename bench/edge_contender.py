"""What the edge's bench compares: our edges, the same proxies configured by hand, and SkyServe's balancer."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.edge_load import program
from bench.edge_port import free_port, wait_for
from kyc.adapters.envoy.bootstrap import find_envoy
from kyc.adapters.envoy.edge import EnvoyEdge, EnvoyOptions
from kyc.adapters.haproxy.edge import HaproxyEdge, HaproxyOptions
from kyc.adapters.pyedge.edge import PythonEdge
from kyc.adapters.system.clock import SystemClock
from kyc.domain.ids import InstanceId, ReplicaId, WorkloadName
from kyc.domain.service import Balance, Endpoint, EndpointState
from kyc.ports.edge import Edge, EdgeEndpoint, EdgeService

ROOT = Path(__file__).resolve().parent.parent
SKYPILOT = "skypilot==0.14.1"
NAME = WorkloadName("web")


class UnavailableError(Exception):
    """A contender cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A proxy that runs: where, and its process."""

    name: str
    port: int
    pid: int


def place(port: int, *, number: int, host: str = "127.0.0.1", drains: bool = False) -> EdgeEndpoint:
    """Return an endpoint on an instance of its own."""
    at = Endpoint(
        replica_id=ReplicaId(f"{NAME}.r{number}"), instance_id=InstanceId(f"i-{number}"), host=host, port=port
    )
    return EdgeEndpoint(endpoint=at, state=EndpointState.DRAINING if drains else EndpointState.UP)


def service(port: int, endpoints: Sequence[EdgeEndpoint], balance: Balance = Balance.ROUND_ROBIN) -> EdgeService:
    """Return the service with these endpoints."""
    return EdgeService(name=NAME, host="127.0.0.1", port=port, endpoints=tuple(endpoints), balance=balance)


def make(kind: str, folder: Path) -> Edge:
    """Return one of our edges, on one core's worth of threads."""
    clock = SystemClock()
    match kind:
        case "envoy":
            return EnvoyEdge(folder, clock=clock, options=EnvoyOptions(concurrency=1))
        case "haproxy":
            if program("haproxy") is None:
                raise UnavailableError("HAProxy is not installed")
            return HaproxyEdge(folder, clock=clock, options=HaproxyOptions(threads=1))
        case _:
            return PythonEdge(folder, clock=clock)


@asynccontextmanager
async def ours(kind: str, folder: Path, backends: Sequence[int]) -> AsyncIterator[Contender]:
    """Run one of our edges before the backends."""
    edge, port = make(kind, folder), free_port()
    try:
        await edge.ensure()
        await edge.apply([service(port, [place(at, number=number) for number, at in enumerate(backends)])])
        pid = edge.pid()  # type: ignore[attr-defined]  # ours are processes
        yield Contender(name=kind, port=port, pid=pid)
    finally:
        await edge.stop()


@asynccontextmanager
async def running(name: str, argv: Sequence[str], port: int) -> AsyncIterator[Contender]:
    """Run somebody else's proxy."""
    process = _start(argv)
    try:
        await asyncio.to_thread(wait_for, port, "/1k")
        yield Contender(name=name, port=port, pid=process.pid)
    finally:
        process.kill()
        process.wait()


def _start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    # A session of its own, as ours have: the kernel may share cores out by session.
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def bare_envoy(folder: Path, backends: Sequence[int], port: int) -> list[str]:
    """Return Envoy as one configures it by hand who wants what ours does: retries, X-Forwarded-*, WebSockets."""
    typed = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "router", "typed_config": {"@type": f"{typed}.http.router.v3.Router"}}
    host = {"name": "b", "domains": ["*"], "routes": [_envoy_route(safe=True), _envoy_route(safe=False)]}
    asked_of = {"header": {"key": "X-Forwarded-Host", "value": "%REQ(:AUTHORITY)%"}, "append_action": "ADD_IF_ABSENT"}
    manager = {
        "@type": f"{typed}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "codec_type": "AUTO",
        "route_config": {"virtual_hosts": [host], "request_headers_to_add": [asked_of]},
        "http_filters": [router],
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "use_remote_address": True,
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    at = [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": p}}}} for p in backends]
    cluster = {
        "name": "b",
        "type": "STATIC",
        "connect_timeout": "1s",
        "outlier_detection": {},
        "load_assignment": {"cluster_name": "b", "endpoints": [{"lb_endpoints": at}]},
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    static = {"listeners": [{"name": "l", "address": address, "filter_chains": [chain]}], "clusters": [cluster]}
    config = folder / "bare-envoy.json"
    config.write_text(json.dumps({"static_resources": static}))
    return [str(find_envoy()), "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]


def _envoy_route(*, safe: bool) -> dict[str, object]:
    match: dict[str, object] = {"prefix": "/"}
    if safe:
        match["headers"] = [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD|OPTIONS"}}}]
    when = "connect-failure,refused-stream,reset" if safe else "connect-failure,refused-stream"
    again = {"retry_on": when, "num_retries": 3}
    return {"match": match, "route": {"cluster": "b", "timeout": "0s", "retry_policy": again}}


def bare_haproxy(folder: Path, backends: Sequence[int], port: int) -> list[str]:
    """Return HAProxy as one configures it by hand who wants what ours does: checks, retries, X-Forwarded-*."""
    found = program("haproxy")
    if found is None:
        raise UnavailableError("HAProxy is not installed")
    servers = "\n".join(f"    server s{number} 127.0.0.1:{at} check inter 1s" for number, at in enumerate(backends))
    config = folder / "bare-haproxy.cfg"
    config.write_text(
        f"""global
    nbthread 1
    maxconn 4000
    stats socket {folder}/bare-haproxy.sock mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    option http-keep-alive
    option forwardfor
    http-reuse always
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
frontend f
    bind 127.0.0.1:{port}
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)] unless {{ req.hdr(x-forwarded-host) -m found }}
    default_backend b
backend b
    balance roundrobin
    http-request disable-l7-retry unless {{ method GET HEAD OPTIONS }}
{servers}
"""
    )
    return [found, "-db", "-f", str(config)]


def skyserve(folder: Path, backends: Sequence[int], port: int) -> list[str]:
    """Return SkyServe's balancer from PyPI with a controller that names the backends; raise UnavailableError."""
    python = ROOT / ".cache" / "skyserve" / "bin" / "python"
    ready = ROOT / ".cache" / "skyserve" / SKYPILOT
    if not ready.exists():
        print(f"installing {SKYPILOT} for comparison (minutes) ...", flush=True)
        for argv in (
            [sys.executable, "-m", "venv", str(ROOT / ".cache" / "skyserve")],
            [python, "-m", "pip", "install", "-q", SKYPILOT],
        ):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                raise UnavailableError(f"{SKYPILOT} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
        ready.touch()
    urls = ",".join(f"http://127.0.0.1:{at}" for at in backends)
    return [str(python), str(ROOT / "bench" / "edge_skyserve.py"), str(free_port()), str(port), urls]
