"""What moto lacks of an instance: its boot. For each that runs at moto, its user data runs here as a process, with a
metadata service (EC2's, version 2) of its own, and is killed when moto says that the instance has ended.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.aws.stand import Aws

ACTION = "/latest/meta-data/spot/instance-action"
NOTICE_S = 120
_LOOK_S = 0.5


@dataclass
class Machine:
    """A process that stands for an instance."""

    provider_id: str
    region: str
    process: subprocess.Popen[bytes]
    metadata: ThreadingHTTPServer
    action: list[str] = field(default_factory=list)
    ends_at: datetime | None = None

    def end(self) -> None:
        """Kill it and all that it started, and close its metadata service."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.metadata.shutdown()
        self.metadata.server_close()


@dataclass
class Boots:
    """Starts and ends the processes; `give_notice` is what AWS does to a spot instance."""

    aws: Aws
    folder: Path
    regions: tuple[str, ...]
    machines: dict[str, Machine] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def give_notice(self, provider_id: str) -> None:
        """Announce the end in two minutes, and bring it about then, or as soon as we gave it back."""
        machine = self.machines[provider_id]
        machine.ends_at = datetime.now(UTC) + timedelta(seconds=NOTICE_S)
        told = {"action": "terminate", "time": machine.ends_at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        machine.action.append(json.dumps(told))

    def run(self) -> None:
        """Go on until it is over."""
        told = len(self.aws.experiments())
        while not self._over.wait(_LOOK_S):
            running = {key: region for region in self.regions for key in self.aws.running(region)}
            for key, region in running.items():
                if key not in self.machines:
                    self.machines[key] = self._boot(key, region)
            begun = self.aws.experiments()
            for one in begun[told:]:  # the Fault Injection Service is AWS too
                self.give_notice(one["target"].rpartition("/")[2])
            told = len(begun)
            for key, machine in list(self.machines.items()):
                if machine.ends_at is not None and datetime.now(UTC) >= machine.ends_at and key in running:
                    self.aws.client(region=machine.region).terminate_instances(InstanceIds=[key])
                elif key not in running and machine.process.poll() is None:
                    machine.end()

    def close(self) -> None:
        """End everything."""
        self._over.set()
        for machine in self.machines.values():
            if machine.process.poll() is None:
                machine.end()

    def _boot(self, provider_id: str, region: str) -> Machine:
        ec2 = self.aws.client(region=region)
        raw = ec2.describe_instance_attribute(InstanceId=provider_id, Attribute="userData")["UserData"]["Value"]
        home = self.folder / provider_id
        home.mkdir(parents=True)
        script = home / "user-data"
        script.write_bytes(base64.b64decode(raw))
        script.chmod(0o700)
        action: list[str] = []
        metadata = ThreadingHTTPServer(("127.0.0.1", 0), _handler(action))
        threading.Thread(target=metadata.serve_forever, daemon=True).start()
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "KYC_ROOT": str(home)}
        env["KYC_METADATA_URL"] = f"http://127.0.0.1:{metadata.server_address[1]}"
        with (home / "console.log").open("wb") as log:
            process = subprocess.Popen([str(script)], cwd=home, env=env, stdout=log, stderr=log, start_new_session=True)
        return Machine(provider_id, region, process, metadata, action)


@contextmanager
def booting(aws: Aws, folder: Path, *regions: str) -> Iterator[Boots]:
    """Boot what comes to run in the regions, as long as this is open."""
    boots = Boots(aws, folder, regions)
    thread = threading.Thread(target=boots.run)
    thread.start()
    try:
        yield boots
    finally:
        boots.close()
        thread.join(timeout=60)


def _handler(action: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """EC2's metadata service, version 2: nothing without a token, 404 before a notice."""

        def do_PUT(self) -> None:  # the name is http.server's
            self._answer(200, f"token-{time.monotonic_ns()}")

        def do_GET(self) -> None:
            if not self.headers.get("X-aws-ec2-metadata-token", "").startswith("token-"):
                self._answer(401, "")
            elif self.path == ACTION and action:
                self._answer(200, action[-1])
            else:
                self._answer(404, "")

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
