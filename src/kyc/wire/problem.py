"""Errors on the network: the one table between `kyc.domain.errors` and RFC 9457 problem details, read both ways.

The master writes problems with it, the SDK reads them with it, so that a person sees the same error in both places.
"""

from __future__ import annotations

from dataclasses import dataclass

from kyc.domain import errors
from kyc.domain.errors import KycError
from kyc.wire.api import Problem

MEDIA_TYPE = "application/problem+json"
_PREFIX = "urn:kyc:problem:"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How one class of error looks on the network."""

    error: type[KycError]
    slug: str
    status: int
    title: str


# The first of a status is what an answer without a known type means.
_KINDS = (
    _Kind(error=errors.InvalidInputError, slug="invalid-input", status=422, title="The input cannot be accepted"),
    _Kind(error=errors.NotAllowedError, slug="not-allowed", status=401, title="Not allowed"),
    _Kind(error=errors.ForbiddenError, slug="forbidden", status=403, title="Not allowed to this caller"),
    _Kind(error=errors.ThrottledError, slug="throttled", status=429, title="Too many tries"),
    _Kind(error=errors.NotFoundError, slug="not-found", status=404, title="Not found"),
    _Kind(error=errors.ConflictError, slug="conflict", status=409, title="The present state does not allow it"),
    _Kind(error=errors.StaleWriteError, slug="stale-write", status=409, title="Somebody wrote in between"),
    _Kind(error=errors.FencedError, slug="fenced", status=409, title="A newer writer took over"),
    _Kind(error=errors.UnreachableError, slug="unreachable", status=503, title="A part does not answer"),
    _Kind(error=errors.UnsupportedOfferError, slug="unsupported-offer", status=503, title="Not sold there"),
    _Kind(error=errors.PriceTooLowError, slug="price-too-low", status=503, title="Capacity costs more"),
    _Kind(error=errors.CapacityUnavailableError, slug="capacity-unavailable", status=503, title="No capacity"),
    _Kind(error=errors.OutOfSpaceError, slug="out-of-space", status=507, title="A disk is full"),
    _Kind(error=errors.QuotaError, slug="quota", status=403, title="The account's quota is used up"),
    _Kind(error=errors.CredentialError, slug="credential", status=403, title="The provider refuses the credentials"),
    _Kind(error=errors.DamagedDataError, slug="damaged-data", status=500, title="Data is damaged"),
    _Kind(error=errors.TransitionError, slug="transition", status=500, title="A defect of kyc"),
    _Kind(error=errors.KycError, slug="failed", status=500, title="It failed"),
)
_BY_ERROR = {kind.error: kind for kind in _KINDS}
_BY_TYPE = {_PREFIX + kind.slug: kind.error for kind in _KINDS}
_BY_STATUS: dict[int, type[KycError]] = {
    **{kind.status: kind.error for kind in reversed(_KINDS)},
    400: errors.InvalidInputError,
    403: errors.NotAllowedError,
    405: errors.NotFoundError,
    412: errors.ConflictError,
    413: errors.InvalidInputError,
    500: errors.KycError,
    502: errors.UnreachableError,
    504: errors.UnreachableError,
}


def problem_of(error: KycError) -> Problem:
    """Return what the network shows of the error; a subclass looks like its nearest known parent."""
    kind = next(_BY_ERROR[parent] for parent in type(error).__mro__ if parent in _BY_ERROR)
    return Problem(
        type=_PREFIX + kind.slug, title=kind.title, status=kind.status, detail=str(error), next_step=error.next_step
    )


def error_of(problem: Problem) -> KycError:
    """Return the error that the problem tells of: by its type, by its status where the type is not ours."""
    known = _BY_TYPE.get(problem.type) or error_class(problem.status)
    return known(problem.detail or problem.title, next_step=problem.next_step)


def error_class(status: int) -> type[KycError]:
    """Return the class for an HTTP status alone."""
    return _BY_STATUS.get(status, KycError)
