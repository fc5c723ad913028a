"""`make bench-cli`: what the command line costs to start: CPU seconds (user and system), medians of several runs.

`kyc ps` asks a server in this process that answers with two workloads, so that only the command itself is measured.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RUNS = 9
_ROW = {
    "name": "train",
    "kind": "job",
    "state": "running",
    "attempt": 2,
    "instances": 1,
    "cost_usd": 0.0123,
    "saved_usd": 0.0321,
    "interruptions": 1,
    "last_snapshot_at": "2026-05-01T12:00:00Z",
    "rpo_s": 1.5,
    "deadline_at": None,
}


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps([_ROW, _ROW | {"name": "other"}]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def answering() -> Iterator[str]:
    """Yield the URL of a server that answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def cpu_s(arguments: list[str], env: dict[str, str]) -> float:
    """Return the CPU seconds of one run; CalledProcessError if it fails."""
    process = subprocess.Popen(arguments, env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return used.ru_utime + used.ru_stime


def median_s(arguments: list[str], env: dict[str, str]) -> float:
    """Return the median of the runs, rounded to a millisecond."""
    return round(statistics.median(cpu_s(arguments, env) for _ in range(RUNS)), 3)


def main() -> int:
    """Measure; the last line printed is the result as JSON."""
    kyc = [sys.executable, "-m", "kyc.cli.main"]
    with answering() as url:
        env = os.environ | {"KYC_URL": url, "KYC_TOKEN": "x"}
        result = {
            "python_cpu_s": median_s([sys.executable, "-c", "pass"], env),
            "cli_help_cpu_s": median_s([*kyc, "--help"], env),
            "cli_ps_cpu_s": median_s([*kyc, "ps"], env),
            "cli_ps_json_cpu_s": median_s([*kyc, "ps", "--json"], env),
        }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
