"""Compute Engine's REST API, with Google's token endpoint and the one call of Resource Manager that we use.

Instances, disks, networks, subnets and firewall rules of one project, made and deleted by operations that are PENDING
at first and DONE when they have been asked for once more; images by family, zones, machine types. A token is needed
(401), of an account that may do it (403). `refusals` are errors that the next launches end with, `permissions` what
the account may do. A Spot VM that is preempted leaves an operation of that type behind, and goes or stops as it says.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulators.http import Request, Response
from tests.emulators.jwt import is_signed

ZONES = ("europe-west1-b", "europe-west1-c", "us-east1-b")
_LABEL = re.compile(r"labels\.([\w-]+)\s*=\s*\"?([\w-]+)\"?")
_FILTER = re.compile(r"(\w+)\s*=\s*\"?([\w.-]+)\"?")
Json = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """How a launch fails: in the call itself (`status`), or in its operation."""

    code: str
    message: str
    status: int = 0


EXHAUSTED = Refusal(
    "ZONE_RESOURCE_POOL_EXHAUSTED",
    "The zone 'projects/p/zones/europe-west1-b' does not have enough resources available to fulfill the request.  Try "
    "a different zone, or try again later.",
)
QUOTA = Refusal("QUOTA_EXCEEDED", "Quota 'PREEMPTIBLE_CPUS' exceeded.  Limit: 8.0 in region europe-west1.", 403)
QUOTA_LATE = Refusal("QUOTA_EXCEEDED", "Quota 'CPUS_PER_VM_FAMILY' exceeded.  Limit: 0.0 in region europe-west1.")


@dataclass
class Compute:
    """One project's Compute Engine; serve it as the handler of `http.serving`, then set `url`."""

    project: str = "p"
    url: str = ""
    page_size: int = 500
    permissions: set[str] | None = None  # None: all
    refusals: list[Refusal] = field(default_factory=list)
    machine_types: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {"e2-standard-2": ZONES, "a2-highgpu-1g": ("us-east1-b",)}
    )
    down: bool = False
    instances: dict[str, Json] = field(default_factory=dict)  # by `zones/Z/instances/N`
    others: dict[str, Json] = field(default_factory=dict)  # networks, subnets, rules, disks: by their path
    operations: dict[str, Json] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    _tokens: set[str] = field(default_factory=lambda: {"good"})
    _keys: list[rsa.RSAPublicKey] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1000))

    # --- what tests do ---

    def key(self) -> Json:
        """Return the content of a service account's key file whose tokens come from here."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._keys.append(private.public_key())
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": f"kyc@{self.project}.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }

    def forget_tokens(self) -> None:
        self._tokens.clear()
        self._keys.clear()

    def preempt(self, path: str) -> None:
        """Take a Spot VM away, as Compute Engine does."""
        instance = self.instances[path]
        self._operation("compute.instances.preempted", path, instance["zone"], done=True)
        if instance["scheduling"].get("instanceTerminationAction") == "DELETE":
            self._operation("delete", path, instance["zone"], done=True)
            del self.instances[path]
        else:
            instance |= {"status": "TERMINATED", "lastStopTimestamp": _now()}

    def end(self, path: str, operation: str) -> None:
        """Switch an instance off by an operation of this type."""
        self._operation(operation, path, self.instances[path]["zone"], done=True)
        self.instances[path] |= {"status": "TERMINATED", "lastStopTimestamp": _now()}

    # --- the service ---

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if self.down:
            return _error(503, "The service is currently unavailable.", "backendError")
        if request.path == "/token":
            return self._token(request)
        if not self._knows(request.headers.get("authorization", "").removeprefix("Bearer ")):
            return _error(401, "Request had invalid authentication credentials.", "authError")
        if request.path == f"/v1/projects/{self.project}:testIamPermissions":
            asked = request.json()["permissions"]
            return Response(200, {"permissions": [one for one in asked if self._may(one)]})
        _, _, rest = request.path.partition("/compute/v1/projects/")
        project, _, path = rest.partition("/")
        if project != self.project and not path.startswith("global/images/"):
            return _error(404, f"The resource 'projects/{project}' was not found", "notFound")
        return self._compute(request, path)

    def _knows(self, token: str) -> bool:
        return token in self._tokens or any(is_signed(token, key) for key in self._keys)

    def _token(self, request: Request) -> Response:
        if b"jwt-bearer" not in request.body and b"refresh_token" not in request.body:
            return Response(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        token = secrets.token_hex(8)
        self._tokens.add(token)
        return Response(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def _compute(self, request: Request, path: str) -> Response:
        for pattern, answer in self._routes().items():
            matched = re.fullmatch(pattern, path)
            if matched:
                return answer(request, *matched.groups())
        return _error(404, f"The resource '{path}' was not found", "notFound")

    def _routes(self) -> dict[str, Callable[..., Response]]:
        return {
            r"aggregated/instances": self._aggregated,
            r"aggregated/machineTypes": self._aggregated_types,
            r"zones/([\w-]+)": lambda _r, zone: self._zone(zone),
            r"zones/([\w-]+)/instances": self._zone_instances,
            r"(zones/[\w-]+/instances/[\w-]+)": self._instance,
            r"(zones/[\w-]+/instances/[\w-]+)/simulateMaintenanceEvent": self._simulate,
            r"((?:zones|regions)/[\w-]+|global)/operations": self._operation_list,
            r"(?:(?:zones|regions)/[\w-]+|global)/operations/([\w-]+)(?:/wait)?": self._operation_get,
            r"global/images/family/([\w-]+)": self._image,
            r"((?:global/(?:networks|firewalls)|regions/[\w-]+/subnetworks|zones/[\w-]+/disks))": self._others,
            r"((?:global/(?:networks|firewalls)|regions/[\w-]+/subnetworks|zones/[\w-]+/disks)/[\w-]+)": self._other,
        }

    def _aggregated(self, request: Request) -> Response:
        if not self._may("compute.instances.list"):
            return self._forbidden("compute.instances.list")
        wanted = _LABEL.findall(request.query.get("filter", ""))
        fitting = [
            one
            for _, one in sorted(self.instances.items())
            if all(one["labels"].get(key) == value for key, value in wanted)
        ]
        start = int(request.query.get("pageToken") or 0)
        size = min(int(request.query.get("maxResults") or 500), self.page_size)
        items: dict[str, Json] = {f"zones/{zone}": {"warning": {"code": "NO_RESULTS_ON_PAGE"}} for zone in ZONES}
        for one in fitting[start : start + size]:
            items[f"zones/{one['zone'].rsplit('/', 1)[-1]}"].setdefault("instances", []).append(one)
        body: Json = {"kind": "compute#instanceAggregatedList", "items": items}
        if start + size < len(fitting):
            body["nextPageToken"] = str(start + size)
        return Response(200, body)

    def _aggregated_types(self, request: Request) -> Response:
        wanted = dict(_FILTER.findall(request.query.get("filter", ""))).get("name")
        items: dict[str, Json] = {f"zones/{zone}": {"warning": {"code": "NO_RESULTS_ON_PAGE"}} for zone in ZONES}
        for name, zones in self.machine_types.items():
            for zone in zones if wanted in {None, name} else ():
                items[f"zones/{zone}"] = {"machineTypes": [{"name": name, "zone": zone}]}
        return Response(200, {"kind": "compute#machineTypeAggregatedList", "items": items})

    def _zone(self, zone: str) -> Response:
        if zone not in ZONES:
            return _error(404, f"The resource 'zones/{zone}' was not found", "notFound")
        region = self._link(f"regions/{zone.rsplit('-', 1)[0]}")
        return Response(200, {"kind": "compute#zone", "name": zone, "status": "UP", "region": region})

    def _zone_instances(self, request: Request, zone: str) -> Response:
        if request.method == "GET":
            found = [one for key, one in sorted(self.instances.items()) if key.startswith(f"zones/{zone}/")]
            return Response(200, {"kind": "compute#instanceList", "items": found})
        if not self._may("compute.instances.create"):
            return self._forbidden("compute.instances.create")
        wanted = request.json()
        path = f"zones/{zone}/instances/{wanted['name']}"
        refused = self._refused(wanted, zone, path)
        if refused is not None:
            return refused
        if self.refusals:
            refusal = self.refusals.pop(0)
            if refusal.status:
                return _error(refusal.status, refusal.message, "quotaExceeded")
            errors = {"errors": [{"code": refusal.code, "message": refusal.message}]}
            late = {"error": errors, "httpErrorStatusCode": 503, "httpErrorMessage": "SERVICE UNAVAILABLE"}
            return Response(200, self._operation("insert", path, self._link(f"zones/{zone}"), **late))
        self.instances[path] = self._made(wanted, zone, path)
        return Response(200, self._operation("insert", path, self._link(f"zones/{zone}")))

    def _refused(self, wanted: Json, zone: str, path: str) -> Response | None:
        if path in self.instances:
            return _error(409, f"The resource '{path}' already exists", "alreadyExists")
        kind = wanted["machineType"].rsplit("/", 1)[-1]
        if zone not in self.machine_types.get(kind, ()):
            return _error(400, f"Invalid value for field 'resource.machineType': '{kind}' does not exist", "invalid")
        scheduling = wanted.get("scheduling", {})
        if scheduling.get("provisioningModel") == "SPOT" and scheduling.get("automaticRestart", True):
            return _error(400, "Scheduling must have automaticRestart be false when preemptible is true.", "invalid")
        if not wanted.get("disks") or not wanted.get("networkInterfaces"):
            return _error(400, "At least one disk and one network interface is required.", "required")
        return None

    def _made(self, wanted: Json, zone: str, path: str) -> Json:
        number = next(self._ids)
        interfaces = [
            one
            | {
                "networkIP": f"10.128.0.{number % 250}",
                "accessConfigs": [access | {"natIP": f"203.0.113.{number % 250}"} for access in one["accessConfigs"]]
                if one.get("accessConfigs")
                else [],
            }
            for one in wanted["networkInterfaces"]
        ]
        return {
            **wanted,
            "kind": "compute#instance",
            "id": str(number),
            "status": "RUNNING",
            "labels": wanted.get("labels", {}),
            "scheduling": wanted.get("scheduling", {}),
            "zone": self._link(f"zones/{zone}"),
            "selfLink": self._link(path),
            "creationTimestamp": _now(),
            "lastStartTimestamp": _now(),
            "networkInterfaces": interfaces,
        }

    def _instance(self, request: Request, path: str) -> Response:
        if path not in self.instances:
            return _error(404, f"The resource 'projects/{self.project}/{path}' was not found", "notFound")
        if request.method == "GET":
            return Response(200, self.instances[path])
        if not self._may("compute.instances.delete"):
            return self._forbidden("compute.instances.delete")
        operation = self._operation("delete", path, self.instances[path]["zone"])
        del self.instances[path]
        return Response(200, operation)

    def _simulate(self, _request: Request, path: str) -> Response:
        if path not in self.instances:
            return _error(404, f"The resource 'projects/{self.project}/{path}' was not found", "notFound")
        zone = self.instances[path]["zone"]
        operation = self._operation("compute.instances.simulateMaintenanceEvent", path, zone)
        if self.instances[path]["scheduling"].get("provisioningModel") == "SPOT":
            self.preempt(path)
        return Response(200, operation)

    def _operation(self, kind: str, path: str, where: str, *, done: bool = False, **more: Any) -> Json:
        number = next(self._ids)
        known = self.instances.get(path, {})
        operation = {
            "kind": "compute#operation",
            "id": str(number),
            "name": f"operation-{number}",
            "operationType": kind,
            "targetId": known.get("id", "0"),
            "targetLink": self._link(path),
            "status": "DONE" if done else "RUNNING",
            "insertTime": _now(),
            "progress": 100 if done else 0,
            "selfLink": f"{where}/operations/operation-{number}",
            **more,
        }
        if "/zones/" in where:
            operation["zone"] = where
        self.operations[operation["name"]] = operation
        return operation

    def _operation_get(self, _request: Request, name: str) -> Response:
        if name not in self.operations:
            return _error(404, f"The resource '{name}' was not found", "notFound")
        self.operations[name] |= {"status": "DONE", "progress": 100, "endTime": _now()}
        return Response(200, self.operations[name])

    def _operation_list(self, request: Request, where: str) -> Response:
        if not self._may("compute.zoneOperations.list"):
            return self._forbidden("compute.zoneOperations.list")
        wanted = _FILTER.findall(request.query.get("filter", ""))
        found = [
            one
            for one in self.operations.values()
            if f"/{where}/operations/" in one["selfLink"] and all(str(one.get(key)) == value for key, value in wanted)
        ]
        return Response(200, {"kind": "compute#operationList", "items": found})

    def _image(self, _request: Request, family: str) -> Response:
        name = f"{family}-v20261101"
        link = self._link(f"global/images/{name}")
        return Response(200, {"name": name, "family": family, "selfLink": link, "status": "READY"})

    def _others(self, request: Request, folder: str) -> Response:
        wanted = request.json()
        path = f"{folder}/{wanted['name']}"
        if path in self.others:
            return _error(409, f"The resource '{path}' already exists", "alreadyExists")
        self.others[path] = wanted | {"id": str(next(self._ids)), "selfLink": self._link(path)}
        where = self._link("/".join(folder.split("/")[:2]) if not folder.startswith("global") else "global")
        return Response(200, self._operation("insert", path, where))

    def _other(self, request: Request, path: str) -> Response:
        if path not in self.others:
            return _error(404, f"The resource '{path}' was not found", "notFound")
        if request.method == "GET":
            return Response(200, self.others[path])
        del self.others[path]
        return Response(200, self._operation("delete", path, self._link("/".join(path.split("/")[:-2]) or "global")))

    def _may(self, permission: str) -> bool:
        return self.permissions is None or permission in self.permissions

    def _forbidden(self, permission: str) -> Response:
        return _error(403, f"Required '{permission}' permission for 'projects/{self.project}'", "forbidden")

    def _link(self, path: str) -> str:
        return f"{self.url}/compute/v1/projects/{self.project}/{path}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _error(status: int, message: str, reason: str) -> Response:
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return Response(status, {"error": {"code": status, "message": message, "errors": errors}})
