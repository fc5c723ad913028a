"""A service from `kyc serve` to `kyc stop` on a real master: one address, instances lost, no request failed."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kyc.wire.api import EventRow, ServiceDetail
from tests.docker.engine import engine
from tests.docker.image import python_image
from tests.e2e.conftest import Kyc, living
from tests.needs import need

pytestmark = pytest.mark.timeout(300)
APP = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = os.environ["KYC_REPLICA"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
FILE = """
name: web
workdir: .
service:
  port: {port}
  readiness_probe: /
  replica: {{cpus: 0.2, memory: 0.1}}
  drain: 3s
  replica_policy: {{min_replicas: {replicas}, max_replicas: {replicas}, max_replicas_per_instance: 1}}
resources: {{cloud: local}}
{more}
"""


@dataclass
class Client:
    """Asks the address again and again, a connection each time, as long as it is `asking`."""

    url: str
    answered: int = 0
    by: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def asking(self) -> Iterator[None]:
        ended = threading.Event()
        thread = threading.Thread(target=self._ask, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _ask(self, ended: threading.Event) -> None:
        while not ended.is_set():
            status, said = ask(self.url)
            if status == 200:
                self.answered += 1
                self.by.add(said)
            else:
                self.failed.append(f"{status} {said}")
            time.sleep(0.005)


def ask(url: str) -> tuple[int, str]:
    """Send one GET; return the status (0 if there was no answer) and the body, or why there was none."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=90)
    try:
        connection.request("GET", "/")
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    except OSError as error:
        return 0, str(error)
    finally:
        connection.close()


def written(folder: Path, *, replicas: int, more: str, port: str = "null") -> Path:
    """Write the workdir with its file; return the file."""
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(APP)
    file = folder / "service.yaml"
    file.write_text(FILE.format(replicas=replicas, more=more, port=port))
    return file


def ready(detail: ServiceDetail) -> dict[str, str]:
    """Return the ready replicas by their instances."""
    return {row.instance.id: r.id for row in detail.instances for r in row.replicas if r.state == "ready"}


def lose_an_instance(kyc: Kyc, *, notice: int) -> str:
    """Interrupt one of the instances; return it once another has taken over."""
    victim = next(iter(ready(kyc.client.service("web"))))
    kyc.run("interrupt", victim, "--notice", str(notice))

    def replaced() -> bool | None:
        now = ready(kyc.client.service("web"))
        return True if len(now) == 2 and victim not in now else None

    kyc.eventually(f"the replacement of {victim}", replaced, timeout_s=90)
    return victim


def told(kyc: Kyc, kind: str) -> list[EventRow]:
    return kyc.client.events(kinds=(kind,), limit=1000)


def test_a_service_loses_its_instances_and_no_request(kyc: Kyc, tmp_path: Path) -> None:
    need("envoy")
    file = written(tmp_path / "web", replicas=2, more=f"run: exec {sys.executable} -S -E app.py")
    served = kyc.run("serve", str(file), timeout_s=120)
    assert "web answers at http://" in served.stdout
    kyc.eventually("both replicas", lambda: len(ready(kyc.client.service("web"))) == 2 or None, timeout_s=60)
    client = Client(kyc.client.service("web").row.url)
    with client.asking():
        kyc.eventually("answers of both", lambda: len(client.by) >= 2 or None)
        noticed = lose_an_instance(kyc, notice=20)
        killed = lose_an_instance(kyc, notice=0)
        kyc.eventually("answers of those that came", lambda: len(client.by) == 4 or None)
    assert client.failed == []
    delays = [event.data.get("after_notice_ms") for event in told(kyc, "edge.updated")]
    assert any(isinstance(each, dict) and noticed in each for each in delays), "the notice took it out of the edge"
    assert {event.data["replaces"] for event in told(kyc, "replacement.requested")} == {noticed, killed}
    assert kyc.client.overview().recoveries[0].to_resumed_s is not None, "it has recovered"
    assert json.loads(kyc.run("ps", "--json").stdout)[0]["interruptions"] == 2
    assert "2 replicas" in kyc.run("why", "web").stdout
    kyc.run("stop", "web")
    kyc.eventually("its end", lambda: kyc.client.service("web").row.state == "stopped" or None, timeout_s=60)
    assert ask(client.url)[0] == 0, "nobody listens there any more"
    assert [row for row in kyc.client.instances() if row.workload == "web"] == []


def test_the_death_of_the_only_replica_is_waited_out(kyc: Kyc, tmp_path: Path) -> None:
    need("envoy")
    file = written(tmp_path / "web", replicas=1, more=f"run: exec {sys.executable} -S -E app.py")
    kyc.run("serve", str(file), timeout_s=120)
    url = kyc.client.service("web").row.url
    assert ask(url)[0] == 200
    (row,) = kyc.client.service("web").instances
    kyc.run("interrupt", row.instance.id, "--notice", "0")
    assert ask(url)[0] in {200, 503}  # on its way before anybody knows
    kyc.eventually("the loss is known", lambda: told(kyc, "replica.failed") or None, timeout_s=60)
    assert ask(url) == (200, "web.r2"), "it waits at the edge until there is another"


def test_containers_on_a_real_master(tmp_path: Path) -> None:
    need("terraform")
    need("docker")
    need("envoy")
    folder = tmp_path / "web"
    file = written(folder, replicas=2, port="8080", more="image: ./python.tar\nrun: exec python3 -S -E app.py")
    python_image(folder / "python.tar")
    with engine() as url, living(tmp_path / "home", env={"DOCKER_HOST": url}) as kyc:
        kyc.run("serve", str(file), timeout_s=240)
        kyc.eventually("both replicas", lambda: len(ready(kyc.client.service("web"))) == 2 or None, timeout_s=120)
        client = Client(kyc.client.service("web").row.url)
        with client.asking():
            kyc.eventually("answers of both", lambda: len(client.by) >= 2 or None)
            lose_an_instance(kyc, notice=20)
        assert client.failed == []
        kyc.run("stop", "web")
        kyc.eventually("its end", lambda: kyc.client.service("web").row.state == "stopped" or None, timeout_s=60)
