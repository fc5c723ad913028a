"""Every call of the REST API as a value: method, path, query, body, type of reply. Pure; both clients share it.

Paths are under `/api/v1`. A reply that is an error becomes the error of `kyc.domain.errors` that the master raised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypedDict, TypeVar, cast
from urllib.parse import quote, urlencode

import msgspec

from kyc.domain.errors import KycError, NotAllowedError, UnreachableError
from kyc.wire import api
from kyc.wire.problem import error_class, error_of

T = TypeVar("T")
Query = Mapping[str, str | int | float | Decimal | bool | Sequence[str] | None]

PREFIX = "/api/v1"
PAGE = 1000
PROVIDER_S = 600.0  # a plan starts Terraform, a check asks a provider for each right
_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request and the type of its reply; `repeatable`: a second one changes nothing more than the first.

    `patience_s`: how long the answer may take, where a provider has to be asked first; None: as long as usual.
    """

    method: str
    path: str
    reply: type[T]
    body: bytes | None = None
    content_type: str = _JSON
    patience_s: float | None = None

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again when nobody knows if it arrived."""
        return self.method in {"GET", "HEAD", "PUT"}


class OfferWish(TypedDict, total=False):
    """What an offer must have, as text such as `4+` or `A100:1`.

    `sort` is `price`, `value` or `risk`; `group` is `cloud`, `region`, `type` or `gpu`: only the best of each.
    """

    cpus: str | None
    memory: str | None
    gpu: str | None
    cloud: str | None
    region: str | None
    zone: str | None
    spot: bool | None
    type: str | None
    arch: str | None
    gpu_memory: str | None
    max_price: str | Decimal | None
    sort: str | None
    group: str | None
    limit: int | None


def health() -> Call[api.Health]:
    return _get("/health", api.Health)


def workloads() -> Call[list[api.WorkloadRow]]:
    return _get("/workloads", list[api.WorkloadRow])


def workload(name: str) -> Call[api.WorkloadDetail]:
    return _get(_path("workloads", name), api.WorkloadDetail)


def submit(request: api.JobRequest) -> Call[api.JobPlan]:
    return _post("/jobs", api.JobPlan, request)


def stop(name: str) -> Call[api.WorkloadRow]:
    return _post(_path("workloads", name, "stop"), api.WorkloadRow)


def services() -> Call[list[api.ServiceRow]]:
    return _get("/services", list[api.ServiceRow])


def service(name: str) -> Call[api.ServiceDetail]:
    return _get(_path("services", name), api.ServiceDetail)


def serve(request: api.ServiceRequest) -> Call[api.ServicePlan]:
    return _post("/services", api.ServicePlan, request)


def traffic(name: str, *, since: datetime | None, limit: int | None) -> Call[list[api.TrafficPoint]]:
    query: Query = {"since": None if since is None else since.isoformat(), "limit": limit}
    return _get(_path("services", name, "traffic"), list[api.TrafficPoint], query)


def try_service(name: str, request: api.TrialRequest) -> Call[api.TrialReport]:
    return _post(_path("services", name, "test"), api.TrialReport, request)


def logs(name: str, *, after: int, limit: int, attempt: str | None = None) -> Call[list[api.LogRow]]:
    query: Query = {"after": after, "limit": limit, "attempt": attempt}
    return _get(_path("workloads", name, "logs"), list[api.LogRow], query)


def log_stream(name: str, *, after: int, attempt: str | None = None) -> Call[api.LogRow]:
    return _get(_path("workloads", name, "logs", "stream"), api.LogRow, {"after": after, "attempt": attempt})


def snapshots(name: str) -> Call[list[api.SnapshotRow]]:
    return _get(_path("workloads", name, "snapshots"), list[api.SnapshotRow])


def snapshot_files(name: str, sequence: int | None) -> Call[bytes]:
    return _get(_path("workloads", name, "snapshots", "latest" if sequence is None else str(sequence), "files"), bytes)


def snapshot_diff(name: str, older: int, newer: int) -> Call[api.SnapshotDifference]:
    path = _path("workloads", name, "snapshots", "diff")
    return _get(path, api.SnapshotDifference, {"older": older, "newer": newer})


def verify(name: str, which: int | str) -> Call[api.VerificationReport]:
    """Return the call; its answer comes in events, see `longcall`."""
    return _get(_path("workloads", name, "snapshots", str(which), "verification"), api.VerificationReport)


def check_stream(request: api.StreamRequest) -> Call[api.StreamCheck]:
    return _post("/stream/check", api.StreamCheck, request)


def migrate_streams(request: api.MigrateRequest) -> Call[list[api.MigrationRow]]:
    return _post("/stream/migrate", list[api.MigrationRow], request)


def migrations() -> Call[list[api.MigrationRow]]:
    return _get("/stream/migrations", list[api.MigrationRow])


def instances(*, everything: bool) -> Call[list[api.InstanceRow]]:
    return _get("/instances", list[api.InstanceRow], {"all": everything or None})


def instance(instance_id: str) -> Call[api.InstanceRow]:
    return _get(_path("instances", instance_id), api.InstanceRow)


def interrupt(instance_id: str, request: api.InterruptRequest) -> Call[api.InterruptedRow]:
    return _post(_path("instances", instance_id, "interrupt"), api.InterruptedRow, request)


def terminate(instance_id: str) -> Call[api.InstanceRow]:
    return _post(_path("instances", instance_id, "terminate"), api.InstanceRow)


def launch(request: api.LaunchRequest) -> Call[api.DeploymentRow]:
    return _post("/deployments", api.DeploymentRow, request)


def plan_launch(request: api.LaunchRequest) -> Call[api.LaunchReport]:
    body = msgspec.json.encode(request)
    return Call(
        method="POST", path=f"{PREFIX}/deployments/plan", reply=api.LaunchReport, body=body, patience_s=PROVIDER_S
    )


def export_deployments() -> Call[api.ExportReport]:
    return _get("/deployments/export", api.ExportReport)


def sweep(request: api.SweepRequest) -> Call[api.SweepReply]:
    body = msgspec.json.encode(request)
    return Call(method="POST", path=f"{PREFIX}/sweep", reply=api.SweepReply, body=body, patience_s=PROVIDER_S)


def deployments() -> Call[list[api.DeploymentRow]]:
    return _get("/deployments", list[api.DeploymentRow])


def offers(wish: OfferWish) -> Call[list[api.OfferRow]]:
    return _get("/offers", list[api.OfferRow], cast(Query, wish))


def offer_explanation(wish: OfferWish) -> Call[api.SearchReport]:
    return _get("/offers/explanation", api.SearchReport, cast(Query, wish))


def catalog() -> Call[api.CatalogReport]:
    return _get("/catalog", api.CatalogReport)


def refresh_catalog(request: api.RefreshRequest) -> Call[api.CatalogReport]:
    return _post("/catalog/refresh", api.CatalogReport, request)


def import_table(sha256: str) -> Call[api.ImportReport]:
    """Return the call; its body is streamed by the client."""
    return Call(method="PUT", path=PREFIX + _path("catalog", "tables", sha256), reply=api.ImportReport)


def events(
    *, after: int | None, limit: int | None, kinds: Sequence[str], subject: str | None, tail: int | None
) -> Call[list[api.EventRow]]:
    query: Query = {"after": after, "limit": limit, "kind": kinds, "subject": subject, "tail": tail}
    return _get("/events", list[api.EventRow], query)


def event_stream(*, after: int, kinds: Sequence[str], subject: str | None) -> Call[api.EventRow]:
    return _get("/events/stream", api.EventRow, {"after": after, "kind": kinds, "subject": subject})


def cost(name: str | None, by: str) -> Call[api.CostReport]:
    return _get("/cost", api.CostReport, {"name": name, "by": by})


def budgets() -> Call[list[api.BudgetRow]]:
    return _get("/budgets", list[api.BudgetRow])


def set_budget(scope: str, request: api.BudgetRequest) -> Call[api.BudgetRow]:
    body = msgspec.json.encode(request)
    return Call(method="PUT", path=PREFIX + _path("budgets", scope), reply=api.BudgetRow, body=body)


def remove_budget(scope: str) -> Call[None]:
    return Call(method="DELETE", path=PREFIX + _path("budgets", scope), reply=type(None))


def clouds() -> Call[list[api.CloudRow]]:
    return _get("/clouds", list[api.CloudRow])


def cloud_forms() -> Call[list[api.CloudForm]]:
    return _get("/clouds/forms", list[api.CloudForm])


def add_account(cloud: str, name: str, request: api.AccountRequest) -> Call[api.AccountReport]:
    path, body = PREFIX + _path("clouds", cloud, "accounts", name), msgspec.json.encode(request)
    return Call(method="PUT", path=path, reply=api.AccountReport, body=body, patience_s=PROVIDER_S)


def check_account(cloud: str, name: str) -> Call[api.AccountReport]:
    path = PREFIX + _path("clouds", cloud, "accounts", name, "check")
    return Call(method="POST", path=path, reply=api.AccountReport, body=b"", patience_s=PROVIDER_S)


def remove_account(cloud: str, name: str) -> Call[None]:
    path = PREFIX + _path("clouds", cloud, "accounts", name)
    return Call(method="DELETE", path=path, reply=type(None))


def shutdown(request: api.ShutdownRequest) -> Call[None]:
    return _post("/shutdown", type(None), request)


def archive_there(sha256: str) -> Call[None]:
    return Call(method="HEAD", path=PREFIX + _path("archives", sha256), reply=type(None))


def archive_upload(sha256: str) -> Call[None]:
    """Return the call; its body is streamed by the client."""
    return Call(
        method="PUT", path=PREFIX + _path("archives", sha256), reply=type(None), content_type="application/zstd"
    )


def decode(call: Call[T], status: int, body: bytes) -> T:
    """Return the reply, checked against its type; raise the KycError that the answer tells of."""
    if status >= 300:
        raise failure(status, body)
    if call.reply is type(None):
        return None
    try:
        return msgspec.json.decode(body, type=call.reply)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreachableError(
            f"the answer to {call.method} {call.path} makes no sense: {error}",
            next_step="Check that KYC_URL is a kyc master, of the same version as this command.",
        ) from error


def failure(status: int, body: bytes) -> KycError:
    """Return the error of an answer with a status of 300 or more."""
    try:
        error = error_of(msgspec.json.decode(body, type=api.Problem))
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = error_class(status)(f"the master answered with status {status}")
    if isinstance(error, NotAllowedError) and not error.next_step:
        error.next_step = "Set KYC_TOKEN to the master's token; it lies in the file `token` of its KYC_HOME."
    if not error.next_step:
        error.next_step = "The master's log (logs/master.log in its KYC_HOME) says more."
    return error


def _path(*parts: str) -> str:
    return "".join("/" + quote(part, safe="") for part in parts)


def _get(path: str, reply: type[T], query: Query | None = None) -> Call[T]:
    text = urlencode(_pairs(query or {}))
    return Call(method="GET", path=PREFIX + path + (f"?{text}" if text else ""), reply=reply)


def _post(path: str, reply: type[T], request: object = None) -> Call[T]:
    body = b"" if request is None else msgspec.json.encode(request)
    return Call(method="POST", path=PREFIX + path, reply=reply, body=body)


def _pairs(query: Query) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in query.items():
        match value:
            case None:
                continue
            case bool():
                pairs.append((key, "true" if value else "false"))
            case str() | int() | float() | Decimal():
                pairs.append((key, str(value)))
            case _:
                pairs += [(key, item) for item in value]
    return pairs


get_call, post_call, path_of = _get, _post, _path  # for the modules that hold more calls
