"""From the words of a failed run to the error that says what to do. One table; the first match wins."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kyc.adapters.terraform.line import Report
from kyc.domain.errors import (
    CapacityUnavailableError,
    CredentialError,
    KycError,
    PriceTooLowError,
    QuotaError,
    UnreachableError,
    UnsupportedOfferError,
)

# (what the providers write, the error, what a person or the planner does next). Sources: AWS EC2 API error codes;
# Google Compute Engine's operation errors; Azure's allocation and spot error codes; the providers' own words.
_TABLE: Sequence[tuple[str, type[KycError], str]] = (
    (
        r"MaxSpotInstanceCountExceeded|VcpuLimitExceeded|InstanceLimitExceeded|VolumeLimitExceeded|QUOTA_EXCEEDED"
        r"|Quota '[A-Z0-9_]+' exceeded|QuotaExceeded|OperationNotAllowed.*quota|exceeding approved .*quota",
        QuotaError,
        "Ask the provider for a higher quota, or use another region or instance type.",
    ),
    (
        r"SpotMaxPriceTooLow|SpotPriceGreaterThanProvidedMaxPrice",
        PriceTooLowError,
        "Raise the maximum price or leave it out: without one the on-demand price is the limit.",
    ),
    (
        r"api error Unsupported\b|UnsupportedOperation|InvalidAvailabilityZone|InvalidInstanceType"
        r"|InvalidParameterValue: Invalid availability zone|InvalidParameterValue: .*[Ii]nstance type"
        r"|UNSUPPORTED_OPERATION|[Mm]achine type .* (?:was not found|does not exist)"
        r"|AzureSpotIsNotSupportedForThisVMSize"
        r"|AzureSpotFeatureNotEnabledForSubscription|InvalidParameter: The requested VM size",
        UnsupportedOfferError,
        "Choose another zone or instance type: this one is not sold there.",
    ),
    (
        r"InsufficientInstanceCapacity|UnfulfillableCapacity|InsufficientHostCapacity|InsufficientCapacity"
        r"|ZONE_RESOURCE_POOL_EXHAUSTED|does not have enough resources available"
        r"|resource_availability|SkuNotAvailable|ZonalAllocationFailed|AllocationFailed|OverconstrainedAllocationRequest",
        CapacityUnavailableError,
        "Choose another zone or instance type; kyc does so by itself where the workload allows it.",
    ),
    (
        r"InvalidClientTokenId|AuthFailure|UnrecognizedClientException|SignatureDoesNotMatch|ExpiredToken|RequestExpired"
        r"|UnauthorizedOperation|AccessDenied|OptInRequired|No valid credential sources"
        r"|could not find default credentials|invalid_grant"
        r"|AuthorizationFailed|InvalidAuthenticationToken|building account|AADSTS\d+|MissingSubscriptionRegistration"
        r"|invalid authentication credentials|Required '[\w.]+' permission",
        CredentialError,
        "Check the cloud's credentials with `kyc cloud check`, or add them again with `kyc cloud add`.",
    ),
    (
        r"RequestLimitExceeded|Throttling|rateLimitExceeded|TooManyRequests|no such host|connection refused|i/o timeout"
        r"|connection reset|TLS handshake timeout|deadline exceeded|LocalCloudUnreachable"
        r"|Error acquiring the state lock|StatusCode: 50[0234], .*exceeded maximum number of attempts",
        UnreachableError,
        "It is tried again by itself; if it lasts, look at the deployment's log lines.",
    ),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), error, step) for pattern, error, step in _TABLE)

# The workspace lacks what `init` puts there: a first run, or a module or engine that changed.
_NEEDS_INIT = re.compile(
    r"Inconsistent dependency lock file|Required plugins are not installed|Module not installed|initialization required"
    r"|Missing required provider|provider requirements cannot be satisfied|terraform init|tofu init",
    re.IGNORECASE,
)


def diagnose(report: Report, *, command: str, exit_code: int) -> KycError:
    """Return the error for a command that ended with the code, after what it reported."""
    said = [diagnostic.text for diagnostic in report.errors()] or report.plain[-5:]
    text = "; ".join(said) or "it said nothing"
    for pattern, error, next_step in _COMPILED:
        if pattern.search(text):
            return error(text, next_step=next_step)
    return KycError(
        f"{command} ended with exit code {exit_code}: {text}",
        next_step="Read the deployment's log lines with `kyc events`.",
    )


def needs_init(report: Report) -> bool:
    """Say whether the command failed only because the workspace is not initialised."""
    return any(_NEEDS_INIT.search(diagnostic.text) for diagnostic in report.errors())
