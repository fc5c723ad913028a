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
from dataclasses import dataclass, field
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
resources: {{cloud: aws, region: us-east-1}}
run: exec {sys.executable} -S -E app.py
"""


@dataclass
class Boxes:
    """Boots what comes to run at AWS, each in a network of its own, as long as it is entered."""

    aws: Aws
    folder: Path
    _over: threading.Event = field(default_factory=threading.Event)
    _failed: list[Exception] = field(default_factory=list)

    @contextmanager
    def booting(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
        self.check()

    def check(self) -> None:
        """Raise what kept one from booting."""
        if self._failed:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                self._boot_all(stack)
        except Exception as error:  # noqa: BLE001  # raised where it is waited for
            self._failed.append(error)

    def _boot_all(self, stack: ExitStack) -> None:
        known: set[str] = set()
        while not self._over.wait(0.5):
            for provider_id, raw in self.aws.running().items():
                if provider_id not in known:
                    known.add(provider_id)
                    machine = stack.enter_context(box(self.folder / provider_id, raw["PublicIpAddress"]))
                    boot(machine, self.aws, raw)


def test_an_instance_behind_its_entrance_is_drained_and_no_request_fails(kyc: Kyc, aws: Aws, tmp_path: Path) -> None:
    need("envoy")
    machines = Boxes(aws, tmp_path / "machines")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "app.py").write_text(APP)
    (tmp_path / "web" / "service.yaml").write_text(FILE)

    def both(but: str = "") -> dict[str, str] | None:
        machines.check()
        there = ready(kyc.client.service("web"))
        return there if len(there) == 2 and but not in there else None

    with machines.booting():
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
    with suppress(ssl.SSLError, ConnectionError), socket.create_connection((host, port), timeout=30) as plain:
        if tls is None:
            return exchanged(plain)
        with tls.wrap_socket(plain) as secured:
            return exchanged(secured)
    return b""


def exchanged(talk: socket.socket) -> bytes:
    talk.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    return talk.recv(100)
