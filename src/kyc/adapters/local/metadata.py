"""EC2's instance metadata service, version 2 only, for one instance.

A token is asked for by PUT with a life in seconds (1 to 21600) and goes with every GET; without one, or with one that
has run out, the answer is 401. What is not announced is 404. See the EC2 user guide: "Use IMDSv2", "Spot Instance
interruption notices", "EC2 instance rebalance recommendations".
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from kyc.adapters.local.httpd import Request, Response
from kyc.adapters.local.record import Record
from kyc.adapters.local.shape import REGION

_TOKEN_PATH = "/latest/api/token"  # noqa: S105  # a path
_TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
_TOKEN_HEADER = "x-aws-ec2-metadata-token"  # noqa: S105  # a header's name
_MAX_TTL_S = 21600
_ROOT = "/latest/meta-data"


class Metadata:
    """Answers for one instance: `record` gives its present record, `now` the time in seconds since 1970."""

    def __init__(self, record: Callable[[], Record], now: Callable[[], float]) -> None:
        self._record = record
        self._now = now
        self._tokens: dict[str, float] = {}  # by token: when it runs out

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        if request.path == _TOKEN_PATH:
            return self._token(request)
        if request.method not in {"GET", "HEAD"}:
            return Response(405)
        if self._tokens.get(request.headers.get(_TOKEN_HEADER, ""), 0.0) <= self._now():
            return Response(401)
        return self._get(request.path.rstrip("/"))

    def _token(self, request: Request) -> Response:
        if request.method != "PUT":
            return Response(405)
        if "x-forwarded-for" in request.headers:
            return Response(403)
        ttl = request.headers.get(_TTL_HEADER, "")
        if not (ttl.isdecimal() and 1 <= int(ttl) <= _MAX_TTL_S):
            return Response(400)
        now = self._now()
        self._tokens = {token: end for token, end in self._tokens.items() if end > now}
        token = secrets.token_urlsafe(42)
        self._tokens[token] = now + int(ttl)
        return Response(200, token, {"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": ttl})

    def _get(self, path: str) -> Response:
        record = self._record()
        if path == "/latest/user-data":
            return Response(200, record.user_data) if record.user_data else Response(404)
        leaves = _leaves(record)
        if path in leaves:
            return Response(200, leaves[path])
        names = sorted({_name_below(path, leaf) for leaf in leaves if leaf.startswith(f"{path}/")})
        return Response(200, "\n".join(names)) if names else Response(404)


def _leaves(record: Record) -> dict[str, str]:
    found = {
        "instance-id": record.provider_id,
        "instance-type": record.instance_type,
        "instance-life-cycle": "spot" if record.spot else "on-demand",
        "local-ipv4": record.address,
        "placement/availability-zone": record.zone,
        "placement/region": REGION,
        "tags/instance/kyc-instance": record.instance_id,
        "tags/instance/kyc-deployment": record.deployment_id,
    }
    if record.deadline_at is not None:
        found["spot/instance-action"] = json.dumps({"action": "terminate", "time": _stamp(record.deadline_at)})
        found["spot/termination-time"] = _stamp(record.deadline_at)
    if record.rebalance_at is not None:
        found["events/recommendations/rebalance"] = json.dumps({"noticeTime": _stamp(record.rebalance_at)})
    return {f"{_ROOT}/{name}": value for name, value in found.items()}


def _name_below(path: str, leaf: str) -> str:
    name, slash, _ = leaf.removeprefix(f"{path}/").partition("/")
    return name + slash


def _stamp(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
