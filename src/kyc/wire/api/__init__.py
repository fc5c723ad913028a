"""The REST API's shapes, under `/api/v1`, a module a subject. Plain dataclasses: FastAPI makes OpenAPI of them, the SDK
decodes into them.

Money is USD as a number (exact to a millionth), sizes are bytes, times are UTC in ISO 8601.
"""

from kyc.wire.api.event import EventRow, LogRow
from kyc.wire.api.instance import DeploymentRow, InstanceRow, InterruptRequest, LaunchRequest
from kyc.wire.api.master import CloudRow, EnrolRequest, Health, Problem, ShutdownRequest
from kyc.wire.api.money import BudgetRequest, BudgetRow, CostBy, CostReport, CostRow
from kyc.wire.api.offer import (
    CatalogReport,
    CoverageRow,
    FeedRow,
    ImportReport,
    OfferRow,
    RefreshRequest,
    RemovalRow,
    SearchReport,
)
from kyc.wire.api.snapshot import SnapshotRow
from kyc.wire.api.user import (
    Me,
    NewToken,
    PasswordRequest,
    SessionState,
    SetupRequest,
    SignInLink,
    SignInRequest,
    TokenRequest,
    TokenRow,
    UserChange,
    UserRequest,
    UserRow,
)
from kyc.wire.api.workload import AttemptRow, JobPlan, JobRequest, WorkloadDetail, WorkloadRow

__all__ = [
    "AttemptRow",
    "BudgetRequest",
    "BudgetRow",
    "CatalogReport",
    "CloudRow",
    "CostBy",
    "CostReport",
    "CostRow",
    "CoverageRow",
    "DeploymentRow",
    "EnrolRequest",
    "EventRow",
    "FeedRow",
    "Health",
    "ImportReport",
    "InstanceRow",
    "InterruptRequest",
    "JobPlan",
    "JobRequest",
    "LaunchRequest",
    "LogRow",
    "Me",
    "NewToken",
    "OfferRow",
    "PasswordRequest",
    "Problem",
    "RefreshRequest",
    "RemovalRow",
    "SearchReport",
    "SessionState",
    "SetupRequest",
    "ShutdownRequest",
    "SignInLink",
    "SignInRequest",
    "SnapshotRow",
    "TokenRequest",
    "TokenRow",
    "UserChange",
    "UserRequest",
    "UserRow",
    "WorkloadDetail",
    "WorkloadRow",
]
