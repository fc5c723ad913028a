"""The words of Terraform's providers, and the errors they become."""

from __future__ import annotations

import json

import pytest

from kyc.adapters.terraform.diagnosis import diagnose, needs_init
from kyc.adapters.terraform.line import Report, output_values
from kyc.domain.errors import (
    CapacityUnavailableError,
    CredentialError,
    KycError,
    PriceTooLowError,
    QuotaError,
    UnreachableError,
    UnsupportedOfferError,
)


def reported(detail: str, summary: str = "creating") -> Report:
    report = Report()
    diagnostic = {"severity": "error", "summary": summary, "detail": detail, "address": 'aws_instance.x["i-1"]'}
    list(report.read(json.dumps({"@level": "error", "type": "diagnostic", "diagnostic": diagnostic}).encode()))
    return report


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("api error InsufficientInstanceCapacity: There is no Spot capacity available", CapacityUnavailableError),
        ("StatusCode: 400, api error SpotMaxPriceTooLow: Your Spot request price", PriceTooLowError),
        ("The zone 'z' does not have enough resources available to fulfill the request", CapacityUnavailableError),
        ("unexpected status 409 (409 Conflict) with error: SkuNotAvailable: the size", CapacityUnavailableError),
        ('Code="ZonalAllocationFailed"', CapacityUnavailableError),
        ("api error Unsupported: Your requested instance type is not supported in your zone", UnsupportedOfferError),
        ("api error InvalidParameterValue: Invalid availability zone: [us-east-1z]", UnsupportedOfferError),
        ("StatusCode: 503, RequestID: x, api error RequestLimitExceeded: slow down", UnreachableError),
        ("api error ExpiredToken: The security token included in the request is expired", CredentialError),
        ("api error VcpuLimitExceeded: You have requested more vCPU capacity", QuotaError),
        ("api error MaxSpotInstanceCountExceeded: Max spot instance count exceeded", QuotaError),
        ("Quota 'PREEMPTIBLE_CPUS' exceeded. Limit: 8.0 in region us-east1.", QuotaError),
        ("OperationNotAllowed: exceeding approved standardA LowPriorityCores quota", QuotaError),
        ("api error InvalidClientTokenId: The security token is invalid", CredentialError),
        ("google: could not find default credentials", CredentialError),
        ("AADSTS7000215: Invalid client secret provided", CredentialError),
        ("dial tcp 10.0.0.1:443: i/o timeout", UnreachableError),
        ("LocalCloudUnreachable: the local cloud does not answer", UnreachableError),
        # google: an operation that ended badly, and a call that was refused
        (
            "Error waiting for instance to create: The zone 'projects/p/zones/z' does not have enough resources "
            "available to fulfill the request.  Try a different zone, or try again later.",
            CapacityUnavailableError,
        ),
        ("Error waiting for instance to create: Quota 'CPUS_PER_VM_FAMILY' exceeded.  Limit: 0.0", QuotaError),
        (
            "Error creating instance: googleapi: Error 403: Quota 'CPUS' exceeded.  Limit: 8.0, quotaExceeded",
            QuotaError,
        ),
        (
            "Error creating instance: googleapi: Error 400: Invalid value for field 'resource.machineType'. Machine "
            "type with name 'n9' does not exist in zone 'z'.",
            UnsupportedOfferError,
        ),
        (
            "Error creating instance: googleapi: Error 403: Required 'compute.instances.create' permission",
            CredentialError,
        ),
        ("googleapi: Error 401: Request had invalid authentication credentials", CredentialError),
        ("googleapi: Error 429: Rate Limit Exceeded, rateLimitExceeded", UnreachableError),
        # azurerm: refused at once, or when its operation ended
        (
            "polling after CreateOrUpdate: polling failed: the Azure API returned the following error: Status: "
            '"AllocationFailed" Code: "" Message: "Allocation failed. We do not have sufficient capacity"',
            CapacityUnavailableError,
        ),
        (
            "performing CreateOrUpdate: unexpected status 409 (409 Conflict) with error: OperationNotAllowed: It "
            "could not be completed as it results in exceeding approved LowPriorityCores quota.",
            QuotaError,
        ),
        ("unexpected status 403 (403 Forbidden) with error: AuthorizationFailed: The client 'c'", CredentialError),
        (
            "unexpected status 409 (409 Conflict) with error: MissingSubscriptionRegistration: The subscription",
            CredentialError,
        ),
        ("performing CreateOrUpdate: with error: AzureSpotIsNotSupportedForThisVMSize: size", UnsupportedOfferError),
        ("with error: SpotPriceGreaterThanProvidedMaxPrice: the price", PriceTooLowError),
        ("something nobody has seen before", KycError),
    ],
)
def test_each_word_has_its_error_and_a_next_step(said: str, error: type[KycError]) -> None:
    found = diagnose(reported(said), command="terraform apply", exit_code=1)
    assert type(found) is error
    assert said.split(":", maxsplit=1)[0] in str(found)
    assert found.next_step


def test_a_warning_is_not_what_failed() -> None:
    report = Report()
    list(report.read(b'{"type":"diagnostic","diagnostic":{"severity":"warning","summary":"QuotaExceeded soon"}}'))
    assert type(diagnose(report, command="terraform apply", exit_code=2)) is KycError


def test_a_crash_is_told_in_its_own_words() -> None:
    report = Report()
    lines = [line for raw in (b"panic: runtime error", b"", b"goroutine 1") for line in report.read(raw)]
    assert [line.level for line in lines] == ["warn", "warn"]
    assert "panic: runtime error" in str(diagnose(report, command="terraform apply", exit_code=2))


def test_lines_for_people_are_whole_and_single() -> None:
    report = Report()
    raw = json.dumps({"@level": "info", "@message": "one\n\n  two\n", "type": "log"}).encode()
    assert [line.text for line in report.read(raw)] == ["one", "  two"]
    assert [line.text for line in reported("d", "s").read(b"[1]")] == ["[1]"]


def test_outputs_are_read_from_lines_and_documents() -> None:
    report = Report()
    list(report.read(b'{"type":"outputs","outputs":{"a":{"action":"create"}}}'))
    assert report.outputs == {}
    list(report.read(b'{"type":"outputs","outputs":{"a":{"value":{"i-1":"x"}}}}'))
    assert report.outputs == {"a": {"i-1": "x"}} == output_values(b'{"a": {"value": {"i-1": "x"}}}')
    assert output_values(b"oops") == {}


def test_a_workspace_without_init_is_known_by_its_words() -> None:
    assert needs_init(reported("the dependency lock file does not match", "Inconsistent dependency lock file"))
    assert not needs_init(reported("InsufficientInstanceCapacity"))
