"""The REST API's shapes, under `/api/v1`, a module a subject. Plain dataclasses: FastAPI makes OpenAPI of them, the SDK
decodes into them.

Money is USD as a number (exact to a millionth), sizes are bytes, times are UTC in ISO 8601.
"""

from kyc.wire.api.cloud import (
    AccountField,
    AccountReport,
    AccountRequest,
    AccountRow,
    CloudForm,
    CloudRow,
    RightRow,
)
from kyc.wire.api.event import EventRow, LogRow
from kyc.wire.api.instance import DeploymentRow, InstanceRow, InterruptRequest, LaunchRequest
from kyc.wire.api.master import EnrolRequest, Health, Problem, ShutdownRequest
from kyc.wire.api.metric import (
    CostPoint,
    CostSeries,
    MetricPoint,
    MetricSeries,
    Overview,
    RecoveryRow,
    RegionRow,
    UnsafeRow,
)
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
    "AccountField",
    "AccountReport",
    "AccountRequest",
    "AccountRow",
    "AttemptRow",
    "BudgetRequest",
    "BudgetRow",
    "CatalogReport",
    "CloudForm",
    "CloudRow",
    "CostBy",
    "CostPoint",
    "CostReport",
    "CostRow",
    "CostSeries",
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
    "MetricPoint",
    "MetricSeries",
    "NewToken",
    "OfferRow",
    "Overview",
    "PasswordRequest",
    "Problem",
    "RecoveryRow",
    "RefreshRequest",
    "RegionRow",
    "RemovalRow",
    "RightRow",
    "SearchReport",
    "SessionState",
    "SetupRequest",
    "ShutdownRequest",
    "SignInLink",
    "SignInRequest",
    "SnapshotRow",
    "TokenRequest",
    "TokenRow",
    "UnsafeRow",
    "UserChange",
    "UserRequest",
    "UserRow",
    "WorkloadDetail",
    "WorkloadRow",
]
