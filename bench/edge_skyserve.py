"""Runs SkyServe's own balancer before backends, with a controller that does nothing but name them.

For an interpreter that has skypilot: `python edge_skyserve.py CONTROLLER_PORT PORT URL,URL,...`.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sky.serve import load_balancer  # type: ignore[import-not-found]

controller_port, port, urls = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")


class Controller(BaseHTTPRequestHandler):
    """Says which replicas are ready."""

    def do_POST(self) -> None:  # the library's name
        """Answer the balancer's sync."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = json.dumps({"replica_info": {url: {"gpu_type": "none"} for url in urls}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", controller_port), Controller)
threading.Thread(target=server.serve_forever, daemon=True).start()
load_balancer.run_load_balancer(f"http://127.0.0.1:{controller_port}", port)
