"""The metadata services of Compute Engine and of Azure, as one instance sees them.

Compute Engine: every request needs `Metadata-Flavor: Google` (else 403), none may come by a proxy (403), and every
answer carries the flavour and an ETag; a directory lists its entries; what is not there is 404.
Azure: every request needs `Metadata: true` and an API version (else 400); Scheduled Events answer at once only when
they have been enabled by a first, slow call; each change counts the incarnation up; an event that is started loses its
time; one started twice answers 200 as well; a body that is none, 400.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.emulators.http import Request, Response

_GCE = "/computeMetadata/v1/"
_EVENTS_VERSIONS = {"2019-01-01", "2019-04-01", "2019-08-01", "2020-07-01"}


@dataclass
class GceMetadata:
    """Compute Engine's metadata server; change `values` as time goes on."""

    values: dict[str, str] = field(
        default_factory=lambda: {
            "instance/preempted": "FALSE",
            "instance/maintenance-event": "NONE",
            "instance/name": "kyc-i-1",
            "instance/zone": "projects/123/zones/europe-west1-b",
            "instance/scheduling/preemptible": "TRUE",
        }
    )
    requests: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if request.headers.get("metadata-flavor") != "Google" or "x-forwarded-for" in request.headers:
            return Response(403, "Forbidden")
        if request.method != "GET":
            return Response(405, "Method Not Allowed")
        key = request.path.removeprefix(_GCE)
        body = self.values.get(key, self._directory(key))
        if body is None:
            return Response(404, "Not Found")
        etag = hashlib.sha256(body.encode()).hexdigest()[:16]
        return Response(200, body, {"Metadata-Flavor": "Google", "ETag": etag, "Content-Type": "application/text"})

    def _directory(self, key: str) -> str | None:
        below = sorted({name[len(key) :].split("/")[0] for name in self.values if key and name.startswith(key)})
        return "\n".join(below) + "\n" if key.endswith("/") and below else None


@dataclass
class AzureMetadata:
    """Azure's metadata service of the machine `name`; `enable_s` is how long the very first call for events takes."""

    name: str = "kyc-i-1"
    enable_s: float = 0.0
    incarnation: int = 1
    events: list[dict[str, Any]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    _enabled: bool = False

    def schedule(
        self, kind: str, at: datetime, *resources: str, event_id: str = "E-1", status: str = "Scheduled"
    ) -> None:
        """Announce an event for the resources (default: this machine)."""
        self.incarnation += 1
        self.events.append(
            {
                "EventId": event_id,
                "EventType": kind,
                "ResourceType": "VirtualMachine",
                "Resources": list(resources or (self.name,)),
                "EventStatus": status,
                "NotBefore": at.strftime("%a, %d %b %Y %H:%M:%S GMT") if status == "Scheduled" else "",
                "Description": "",
                "EventSource": "Platform",
                "DurationInSeconds": -1,
            }
        )

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if request.headers.get("metadata", "").lower() != "true" or "x-forwarded-for" in request.headers:
            return Response(400, {"error": "Bad request. Required metadata header not specified"})
        if request.path == "/metadata/scheduledevents":
            return self._events(request)
        if request.path == "/metadata/instance/compute/name" and request.query.get("api-version"):
            return (
                Response(200, self.name)
                if request.query.get("format") == "text"
                else Response(200, {"name": self.name})
            )
        return Response(404, {"error": "Not found"})

    def _events(self, request: Request) -> Response:
        if request.query.get("api-version") not in _EVENTS_VERSIONS:
            return Response(400, {"error": "Bad request. api-version is invalid or was not specified"})
        wait_s, self._enabled = (0.0 if self._enabled else self.enable_s), True
        if request.method == "POST":
            return self._start(request)
        return Response(200, {"DocumentIncarnation": self.incarnation, "Events": self.events}, wait_s=wait_s)

    def _start(self, request: Request) -> Response:
        try:
            wanted = [one["EventId"] for one in json.loads(request.body)["StartRequests"]]
        except (ValueError, KeyError, TypeError):
            return Response(400, {"error": "Bad request"})
        for event in self.events:
            if event["EventId"] in wanted and event["EventStatus"] == "Scheduled":
                event |= {"EventStatus": "Started", "NotBefore": ""}
                self.incarnation += 1
                self.started.append(event["EventId"])
        return Response(200, "")
