"""A service on instances of a cloud with networks of their own, behind a real edge: a master as a process, Terraform,
agents out of the bundle through their tunnels, Envoy through their entrances. One instance is drained under load.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from kyc.ports.edge import ENTRANCE_PORTS
from tests.aws.box import box
from tests.aws.stand import Aws
from tests.e2e.conftest import Kyc
from tests.e2e.test_aws import PATIENT_S
from tests.e2e.test_service import APP, Client, ready
from tests.e2e.test_tunnel import aws, boot, kyc
from tests.needs import need

__all__ = ["aws", "kyc"]  # fixtures
pytestmark = pytest.mark.timeout(1800)
FILE = f"""
name: web
workdir: .
service:
  readiness_probe: /
  replica: {{cpus: 0.2, memory: 0.1}}
  drain: 5s
  replica_policy: {{min_replicas: 2, max_replicas: 2, max_replicas_per_instance: 1}}
resources: {{cloud: aws}}
run: exec {sys.executable} -S -E app.py
"""


@contextmanager
def boxes(aws: Aws, folder: Path) -> Iterator[None]:
    """Boot what comes to run at AWS, each in a network of its own; what has ended there goes away with the rest."""
    over, failed = threading.Event(), []

    def run() -> None:
        with ExitStack() as stack:
            known: set[str] = set()
            while not over.wait(0.5):
                for provider_id, raw in aws.running().items():
                    if provider_id not in known:
                        known.add(provider_id)
                        machine = stack.enter_context(box(folder / provider_id, raw["PublicIpAddress"]))
                        boot(machine, aws, raw)

    def watched() -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001  # raised by whoever waits for it
            failed.append(error)

    thread = threading.Thread(target=watched)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]


def test_an_instance_behind_its_entrance_is_drained_and_no_request_fails(kyc: Kyc, aws: Aws, tmp_path: Path) -> None:
    need("envoy")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "app.py").write_text(APP)
    (tmp_path / "web" / "service.yaml").write_text(FILE)

    def both(but: str = "") -> dict[str, str] | None:
        there = ready(kyc.client.service("web"))
        return there if len(there) == 2 and but not in there else None

    with boxes(aws, tmp_path / "machines"):
        kyc.run("serve", str(tmp_path / "web" / "service.yaml"), "--detach", timeout_s=PATIENT_S)
        first = kyc.eventually("both replicas", both, timeout_s=PATIENT_S)
        client = Client(kyc.client.service("web").row.url)
        with client.asking():
            kyc.eventually("answers of both", lambda: client.by == set(first.values()) or None)
            victim = next(iter(first))
            kyc.run("terminate", victim, timeout_s=PATIENT_S)
            kyc.eventually("its replacement", lambda: both(but=victim), timeout_s=PATIENT_S)
            kyc.eventually("answers of the new one", lambda: len(client.by) == 3 or None)
        assert client.failed == []
        assert client.answered > 100
        only_the_edge_gets_in(kyc)
        kyc.run("stop", "web")
        kyc.eventually("the end at AWS", lambda: True if not aws.running() else None, timeout_s=PATIENT_S)


def only_the_edge_gets_in(kyc: Kyc) -> None:
    """Check that the edge reaches replicas by their entrances, and nobody can who has no certificate of ours."""
    text = (kyc.home / "edge" / "envoy" / "endpoints" / "web.json").read_text()
    places = [one["endpoint"]["address"]["socket_address"] for one in endpoints_in(json.loads(text))]
    assert len(places) == 2
    stranger = ssl.create_default_context(cafile=kyc.home / "ca" / "ca.pem")
    stranger.check_hostname = False
    for place in places:
        assert place["port_value"] in ENTRANCE_PORTS
        for tls in (stranger, None):
            assert said(place["address"], place["port_value"], tls) == b""


def endpoints_in(document: dict[str, Any]) -> list[dict[str, Any]]:
    [resource] = document["resources"]
    return [one for locality in resource["endpoints"] for one in locality["lb_endpoints"]]


def said(host: str, port: int, tls: ssl.SSLContext | None) -> bytes:
    """Return what is answered to a request; nothing if the connection ends without a word."""
    with socket.create_connection((host, port), timeout=30) as plain, suppress(ssl.SSLError, ConnectionError):
        talk = plain if tls is None else tls.wrap_socket(plain)
        talk.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return talk.recv(100)
    return b""
