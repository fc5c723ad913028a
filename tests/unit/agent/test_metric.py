"""A replica's own figure: what an answer says, and one read from a real process."""

from __future__ import annotations

import asyncio

import pytest

from kyc.agent import metric
from kyc.agent.metric import value_in
from kyc.wire.replica import MetricOrder, ReplicaReady
from tests.unit.agent.test_replicas import Bench, bench, order

__all__ = ["bench"]
PROMETHEUS = b"""# HELP queue_depth What waits.
# TYPE queue_depth gauge
queue_depth{shard="a b} c"} 3 1395066363000
queue_depth{shard="d"} 4.5
queue_depth_total 99
"""
SERVER = """exec python3 -S -E -c "
import http.server as h, os, pathlib
class Told(h.BaseHTTPRequestHandler):
    def do_GET(self):
        told = pathlib.Path('../depth.txt')
        body = told.read_bytes() if self.path == '/metrics' else b'up'
        self.send_response(200); self.end_headers(); self.wfile.write(body)
h.HTTPServer((os.environ['HOST'], int(os.environ['PORT'])), Told).serve_forever()"
"""


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (PROMETHEUS, 7.5),
        (b"queue_depth 0", 0.0),
        (b'{"queue_depth": 12, "other": 3}', 12.0),
        (b"42", 42.0),
        (b"", None),
        (b"other 3", None),
        (b"queue_depth NaN", None),
        (b"queue_depth much", None),
        (b"queue_depth", None),
        (b"queue_depth -1", None),
        (b'{"queue_depth": true}', None),
        (b'{"queue_depth": "3"}', None),
        (b"[3]", None),
        (b"1" + b"0" * 400, None),
        (b"\xff\xfe", None),
    ],
)
def test_what_an_answer_says(body: bytes, value: float | None) -> None:
    assert value_in(body, "queue_depth") == value


def test_an_answer_of_http_is_taken_whole_or_not_at_all() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\n4 2\r\n1\r\n!\r\n0\r\n\r\n"
    assert metric._body(chunked, "/m") == b"4 2!"
    assert metric._body(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n42", "/m") == b"42"
    for bad in (
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n42",
        b"HTTP/1.0 503 Busy\r\n\r\n42",
        b"42",
        chunked[:-12],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    ):
        with pytest.raises(ValueError, match=r"."):
            metric._body(bad, "/m")


async def until_told(bench: Bench, value: float | None) -> None:
    async with asyncio.timeout(60):
        while [load.metric for load in bench.replicas.loads()] != [value]:
            await asyncio.sleep(0.02)


async def test_it_is_read_from_a_real_replica_until_that_does_not_tell_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric, "EVERY_S", 0.05)
    told = order(
        SERVER, setup="echo queue_depth 7 > ../depth.txt", metric=MetricOrder(path="/metrics", name="queue_depth")
    )
    bench.want(told)
    await bench.until(ReplicaReady)
    await until_told(bench, 7.0)
    [depth] = bench.replicas._house.world.settings.work_folder.parent.rglob("depth.txt")
    depth.write_text('queue_depth{q="a"} 30\nqueue_depth{q="b"} 12\n')
    await until_told(bench, 42.0)
    depth.write_text("broken")
    await until_told(bench, None)
    depth.write_text("1")
    await until_told(bench, 1.0)
    depth.write_bytes(b"x" * (metric.MOST_BYTES + 1))
    await until_told(bench, None)
