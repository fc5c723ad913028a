"""A registry of one image on loopback, from which a real engine pulls it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}


@contextmanager
def registry(content: bytes) -> Iterator[str]:
    """Yield the name of an image whose one layer holds the content as a file."""
    blobs, manifest = _image(content)

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, name = self.path.removeprefix("/v2/").removeprefix("web/").partition("/")
            found = manifest if kind == "manifests" else blobs.get(name, b"{}")
            is_there = kind == "manifests" or name in blobs or self.path == "/v2/"
            self.send_response(200 if is_there else 404)
            self.send_header("Content-Type", _MANIFEST if kind == "manifests" else "application/octet-stream")
            self.send_header("Content-Length", str(len(found)))
            self.send_header("Docker-Content-Digest", _digest(found))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(found)

        do_HEAD = do_GET  # noqa: N815  # the server's name for it

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the server's name for it
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"127.0.0.1:{server.server_port}/web:1"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def _image(content: bytes) -> tuple[dict[str, bytes], bytes]:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        entry = tarfile.TarInfo("content")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    layer = gzip.compress(plain.getvalue(), compresslevel=1)
    config = json.dumps(
        {
            "architecture": _ARCH[platform.machine()],
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [_digest(plain.getvalue())]},
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _about("application/vnd.docker.container.image.v1+json", config),
        "layers": [_about("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)],
    }
    return {_digest(layer): layer, _digest(config): config}, json.dumps(manifest).encode()


def _about(kind: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": kind, "size": len(blob), "digest": _digest(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
