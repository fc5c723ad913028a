"""Azure Resource Manager with its sign-in: one subscription, over TLS.

A token is needed (401), and `actions` are what its roles allow (403, AuthorizationFailed). Any resource is put, got,
listed and deleted by its id; a change answers 201 or 202 with an Azure-AsyncOperation that is InProgress when asked the
first time. A machine gets its power state, an interface and an address their IPs; evicting one obeys its policy.
Nothing that another resource uses is deleted. `refusals` are how the next machines fail.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatch
from typing import Any

from tests.emulators.http import Request, Response
from tests.emulators.signin import CLIENT, SignIn

SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"
_ROOT = f"/subscriptions/{SUBSCRIPTION}"
_ID = re.compile(
    rf"{_ROOT}/resourceGroups/(?P<group>[^/]+)(/providers/(?P<space>[^/]+)/(?P<type>[^/]+)/(?P<name>[^/]+)"
    r"(/(?P<subtype>[^/]+)/(?P<subname>[^/]+))?)?",
    re.IGNORECASE,
)
_LIST = re.compile(rf"{_ROOT}/providers/(?P<space>[^/]+)/(?P<type>[^/]+)", re.IGNORECASE)
_MACHINE = "Microsoft.Compute/virtualMachines"
Json = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """How a machine fails: in the call itself, or in its operation where `status` is 0."""

    code: str
    message: str
    status: int = 409


NO_SKU = Refusal(
    "SkuNotAvailable",
    "The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: Standard_D2s_v5' is "
    "currently not available in location 'westeurope'. Please try another size or deploy to a different location.",
)
NO_ROOM = Refusal(
    "AllocationFailed", "Allocation failed. We do not have sufficient capacity for the requested VM size.", 0
)
NO_QUOTA = Refusal(
    "OperationNotAllowed",
    "Operation could not be completed as it results in exceeding approved LowPriorityCores quota. Additional details - "
    "Deployment Model: Resource Manager, Location: westeurope, Current Limit: 3, Current Usage: 2.",
)


@dataclass
class Arm:
    """One subscription; serve it as the handler of `http.serving` with TLS, then set `url`."""

    url: str = ""
    sign_in: SignIn = field(default_factory=SignIn)
    actions: list[str] = field(default_factory=lambda: ["*"])
    not_actions: list[str] = field(default_factory=list)
    registered: set[str] = field(default_factory=lambda: {"Microsoft.Compute", "Microsoft.Network"})
    refusals: list[Refusal] = field(default_factory=list)
    down: bool = False
    page_size: int = 100
    resources: dict[str, Json] = field(default_factory=dict)  # by id in lower case
    operations: dict[str, Json] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(10))

    # --- what tests do ---

    def evict(self, machine_id: str) -> None:
        """Take a spot machine away, as Azure does."""
        machine = self.resources[machine_id.lower()]
        if machine["properties"].get("evictionPolicy") == "Delete":
            del self.resources[machine_id.lower()]
        else:
            machine["power"] = "PowerState/deallocated"

    def of_type(self, kind: str) -> dict[str, Json]:
        """Return the resources of a type such as Microsoft.Compute/disks, by name."""
        return {one["name"]: one for one in self.resources.values() if one["type"].lower() == kind.lower()}

    # --- the service ---

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if self.down:
            return _error(503, "ServiceUnavailable", "The service is unavailable.")
        if self.sign_in.takes(request.path):
            return self.sign_in(request, self.url)
        if not self.sign_in.knows(request.headers.get("authorization", "")):
            return _error(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if "api-version" not in request.query:
            return _error(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        return self._resource_manager(request)

    def _resource_manager(self, request: Request) -> Response:
        path = request.path
        fixed = self._fixed().get(path)
        if fixed is not None:
            return Response(200, fixed)
        if not path.lower().startswith(f"{_ROOT}/"):
            return _error(404, "SubscriptionNotFound", "The subscription could not be found.")
        if "/operations/" in path:
            return self._operation_get(path.rsplit("/", 1)[-1])
        listed = _LIST.fullmatch(path)
        return self._list(request, f"{listed['space']}/{listed['type']}") if listed else self._resource(request)

    def _fixed(self) -> dict[str, Json]:
        services = {
            f"{_ROOT}/providers/{name}": {
                "namespace": name,
                "registrationState": "Registered" if name in self.registered else "NotRegistered",
            }
            for name in ("Microsoft.Compute", "Microsoft.Network")
        }
        permissions = {"value": [{"actions": self.actions, "notActions": self.not_actions}]}
        subscription = {"id": _ROOT, "subscriptionId": SUBSCRIPTION, "displayName": "Emulated", "state": "Enabled"}
        return {_ROOT: subscription, f"{_ROOT}/providers/Microsoft.Authorization/permissions": permissions, **services}

    def _list(self, request: Request, kind: str) -> Response:
        if not self._may(f"{kind}/read"):
            return self._forbidden(f"{kind}/read")
        found = [
            self._shown(one, view=request.query.get("statusOnly") == "true") for one in self.of_type(kind).values()
        ]
        start = int(request.query.get("$skiptoken") or 0)
        body: Json = {"value": found[start : start + self.page_size]}
        if start + self.page_size < len(found):
            query = "&".join(f"{key}={value}" for key, value in request.query.items() if key != "$skiptoken")
            body["nextLink"] = f"{self.url}{request.path}?{query}&$skiptoken={start + self.page_size}"
        return Response(200, body)

    def _resource(self, request: Request) -> Response:
        matched = _ID.fullmatch(request.path)
        action = ""
        if matched is None or (request.method == "POST" and matched["subname"] is None):
            path, _, action = request.path.rpartition("/")
            matched = _ID.fullmatch(path)
        if matched is None:
            return _error(404, "InvalidResourceType", f"nothing is known of {request.path}")
        parts = [part for part in (matched["type"], matched["subtype"]) if part]
        kind = f"{matched['space']}/{'/'.join(parts)}" if parts else "Microsoft.Resources/subscriptions/resourceGroups"
        verb = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": f"{action}/action"}[
            request.method
        ]
        if not self._may(f"{kind}/{verb}"):
            return self._forbidden(f"{kind}/{verb}")
        key = matched[0]
        if request.method == "PUT":
            return self._put(request, key, kind)
        if key.lower() not in self.resources:
            status = 204 if request.method == "DELETE" else 404
            return _error(status, "ResourceNotFound", f"The Resource '{key}' was not found.")
        if request.method == "GET":
            return Response(
                200, self._shown(self.resources[key.lower()], view="instanceView" in request.query.get("$expand", ""))
            )
        return self._delete(key) if request.method == "DELETE" else self._act(key, action)

    def _put(self, request: Request, key: str, kind: str) -> Response:
        group = re.split("/providers/", key, flags=re.IGNORECASE)[0].lower()
        if kind.startswith("Microsoft.Resources"):
            return Response(201, self._keep(request, key, kind))
        if group not in self.resources:
            return _error(
                404, "ResourceGroupNotFound", f"Resource group '{group.rsplit('/', 1)[-1]}' could not be found."
            )
        if kind == _MACHINE and self.refusals:
            refusal = self.refusals.pop(0)
            if refusal.status:
                return _error(refusal.status, refusal.code, refusal.message)
            return self._accepted(201, {"id": key}, error={"code": refusal.code, "message": refusal.message})
        return self._accepted(201, self._keep(request, key, kind))

    def _keep(self, request: Request, key: str, kind: str) -> Json:
        one = request.json()
        properties = one.setdefault("properties", {})
        properties["provisioningState"] = "Succeeded"
        number = next(self._ids)
        if kind == _MACHINE:
            properties |= {"vmId": f"vm-{number}", "timeCreated": datetime.now(UTC).isoformat()}
            one["power"] = "PowerState/running"
            self._make_disk(key, one)
            for reference in properties["networkProfile"]["networkInterfaces"]:
                self.resources[reference["id"].lower()]["properties"]["virtualMachine"] = {"id": key}
        if kind == "Microsoft.Network/publicIPAddresses":
            properties["ipAddress"] = f"203.0.113.{number % 250}"
        for configuration in properties.get("ipConfigurations", []):
            configuration["properties"]["privateIPAddress"] = f"10.0.0.{number % 250}"
        one |= {"id": key, "name": key.rsplit("/", 1)[-1], "type": kind}
        self.resources[key.lower()] = one
        return self._shown(one)

    def _make_disk(self, key: str, machine: Json) -> None:
        """A machine's disk comes with it, in its group, with its tags."""
        disk = machine["properties"]["storageProfile"]["osDisk"]
        path = f"{key.split('/providers/', maxsplit=1)[0]}/providers/Microsoft.Compute/disks/{disk['name']}"
        disk["managedDisk"] = {"id": path} | disk.get("managedDisk", {})
        self.resources[path.lower()] = {
            "id": path,
            "name": disk["name"],
            "type": "Microsoft.Compute/disks",
            "location": machine["location"],
            "tags": machine.get("tags", {}),
            "properties": {"provisioningState": "Succeeded"},
        }

    def _delete(self, key: str) -> Response:
        users = [
            one["id"] for one in self.resources.values() if one["id"].lower() != key.lower() and self._uses(one, key)
        ]
        if users:
            return _error(409, "InUse", f"{key} is used by {users[0]}")
        inside = [other for other in self.resources if other == key.lower() or other.startswith(f"{key.lower()}/")]
        for other in inside:
            del self.resources[other]
        for one in self.resources.values():
            if one["properties"].get("virtualMachine", {}).get("id", "").lower() == key.lower():
                del one["properties"]["virtualMachine"]
        return self._accepted(202, None)

    def _uses(self, one: Json, key: str) -> bool:
        shown = dict(one["properties"])
        shown.pop("virtualMachine", None)
        return f"'{key.lower()}'" in repr(shown).lower() and not one["id"].lower().startswith(f"{key.lower()}/")

    def _act(self, key: str, action: str) -> Response:
        machine = self.resources[key.lower()]
        if action == "simulateEviction":
            if machine["properties"].get("priority") != "Spot":
                return _error(409, "OperationNotAllowed", "Only a Spot VM can be evicted.")
            self.evict(key)
            return Response(204, "")
        if action in {"powerOff", "deallocate"}:
            machine["power"] = f"PowerState/{'stopped' if action == 'powerOff' else 'deallocated'}"
            return self._accepted(202, None)
        return _error(404, "InvalidResourceType", f"there is no action {action}")

    def _accepted(self, status: int, body: Json | None, *, error: Json | None = None) -> Response:
        number = f"op-{next(self._ids)}"
        ended: Json = (
            {"name": number, "status": "Failed", "error": error} if error else {"name": number, "status": "Succeeded"}
        )
        self.operations[number] = {"asked": 0, "ended": ended}
        where = f"{self.url}{_ROOT}/providers/Microsoft.Compute/locations/x/operations/{number}?api-version=2024-01-01"
        return Response(status, body or "", {"Azure-AsyncOperation": where})

    def _operation_get(self, number: str) -> Response:
        operation = self.operations[number]
        operation["asked"] += 1
        under_way = {"name": number, "status": "InProgress"}
        return Response(200, operation["ended"] if operation["asked"] > 1 else under_way)

    def _shown(self, one: Json, *, view: bool = False) -> Json:
        shown = {name: value for name, value in one.items() if name != "power"}
        if view and "power" in one:
            statuses = [{"code": "ProvisioningState/succeeded"}, {"code": one["power"]}]
            shown["properties"] = {**one["properties"], "instanceView": {"statuses": statuses}}
        return shown

    def _may(self, action: str) -> bool:
        return _matches(action, self.actions) and not _matches(action, self.not_actions)

    def _forbidden(self, action: str) -> Response:
        said = f"The client '{CLIENT}' does not have authorization to perform action '{action}' over scope '{_ROOT}'."
        return _error(403, "AuthorizationFailed", said)


def _matches(action: str, patterns: list[str]) -> bool:
    return any(fnmatch(action.lower(), pattern.lower()) for pattern in patterns)


def _error(status: int, code: str, message: str) -> Response:
    body: str | Mapping[str, Any] = {"error": {"code": code, "message": message}} if status != 204 else ""
    return Response(status, body)
