"""A process that is AWS for the tests: moto's EC2, STS and IAM on loopback, with what moto does not have.

    python -m tests.aws.moto_server        prints {"url": "http://127.0.0.1:PORT"} and serves until it is ended

POST /test/faults with {"action", "code", "status", "times", "where"} makes the next `times` calls of an action fail as
EC2 does; `where` is a text that must stand in the request (a zone's subnet, a region's host). GET /test/calls lists the
actions that came, in order, each with its form. Images that moto lacks (today's Ubuntu) are added in the shape that
moto keeps its own in.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.aws.fis import FaultInjection

IMAGES = {
    "ubuntu/images/hvm-ssd-gp3/ubuntu-resolute-26.04-amd64-server-20260401": ("099720109477", "x86_64"),
    "ubuntu/images/hvm-ssd-gp3/ubuntu-resolute-26.04-amd64-server-20251001": ("099720109477", "x86_64"),
    "ubuntu/images/hvm-ssd-gp3/ubuntu-resolute-26.04-arm64-server-20260401": ("099720109477", "arm64"),
    "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04) 20260401": ("amazon", "x86_64"),
}
_ERROR = (
    "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
    "<RequestID>test</RequestID></Response>"
)
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Faulty:
    """The app in front of moto: remembers what is called, and fails where it was told to."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._faults: list[dict[str, Any]] = []
        self._calls: list[dict[str, Any]] = []
        self._fis = FaultInjection()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        path = environ["PATH_INFO"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if path == "/test/faults":
            return self._set(json.loads(body), start)
        if path == "/test/calls":
            return _reply(start, "200 OK", "application/json", json.dumps(self._calls))
        if path == "/test/experiments":
            return _reply(start, "200 OK", "application/json", json.dumps(self._fis.begun))
        answer = self._fis.answer(environ["REQUEST_METHOD"], path, body)
        if answer is not None:
            return _reply(start, f"{answer[0]} Answered", "application/json", json.dumps(answer[1]))
        form = {key: values[0] for key, values in parse_qs(body.decode(errors="replace")).items()}
        fault = self._note(form, _region(environ), body.decode(errors="replace"))
        if fault is None:
            return self._app(environ, start)
        text = _ERROR.format(code=fault["code"], message=fault.get("message", fault["code"]))
        return _reply(start, f"{fault['status']} Failed", "text/xml", text)

    def _set(self, fault: dict[str, Any] | None, start: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            self._faults = [*self._faults, fault] if fault else []
            if fault is None:
                self._calls = []
        return _reply(start, "200 OK", "application/json", "{}")

    def _note(self, form: dict[str, str], region: str, request: str) -> dict[str, Any] | None:
        action = form.get("Action", "")
        with self._lock:
            self._calls.append({"action": action, "region": region, "form": form})
            for fault in self._faults:
                is_meant = fault.get("where", "") in f"{region} {request}"
                if fault["action"] == action and is_meant and fault["times"] > 0:
                    fault["times"] -= 1
                    return fault
        return None


def _region(environ: dict[str, Any]) -> str:
    """Return the region that the request is signed for."""
    _, _, credential = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")
    parts = credential.split("/")
    return parts[2] if len(parts) > 3 else ""


def _reply(start: Callable[..., Any], status: str, kind: str, text: str) -> Iterable[bytes]:
    start(status, [("Content-Type", kind), ("Content-Length", str(len(text.encode())))])
    return [text.encode()]


def _images() -> list[dict[str, Any]]:
    return [
        {
            "ami_id": f"ami-{number:017x}",
            "state": "available",
            "public": True,
            "owner_id": "898082745236" if owner == "amazon" else owner,
            "owner_alias": "amazon" if owner == "amazon" else None,
            "sriov": "simple",
            "root_device_type": "ebs",
            "root_device_name": "/dev/sda1",
            "description": name,
            "image_type": "machine",
            "platform": None,
            "architecture": arch,
            "name": name,
            "virtualization_type": "hvm",
            "hypervisor": "xen",
            "creation_date": f"20{number:02}-01-01T00:00:00.000Z",
        }
        for number, (name, (owner, arch)) in enumerate(IMAGES.items(), 24)
    ]


def main() -> None:
    """Serve until ended."""
    with tempfile.TemporaryDirectory() as folder:
        amis = Path(folder) / "amis.json"
        amis.write_text(json.dumps(_images()))
        os.environ["MOTO_AMIS_PATH"] = str(amis)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: PLC0415
        from werkzeug.serving import make_server  # noqa: PLC0415

        app = Faulty(DomainDispatcherApplication(create_backend_app))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{server.port}"}) + "\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
