"""Errors that say what to do next. Adapters translate into these once; one table maps them to problems."""

from __future__ import annotations


class KycError(Exception):
    """Something a person can act on: `str(error)` says what is wrong, `next_step` what to do about it."""

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class InvalidInputError(KycError):
    """What was given cannot be accepted; the message names the place."""


class NotFoundError(KycError):
    """Nothing has the name or id that was given."""


class ConflictError(KycError):
    """The thing exists already, or its state does not allow what was asked."""


class NotAllowedError(KycError):
    """The caller has no valid token, or not the right one."""


class ForbiddenError(NotAllowedError):
    """The caller is known, and may not do this."""


class ThrottledError(NotAllowedError):
    """Too many tries: wait, then try again."""


class CapacityUnavailableError(KycError):
    """The pool is empty: choose another offer."""


class PriceTooLowError(CapacityUnavailableError):
    """The most that may be paid is below the price of now: another pool may be cheaper, or the maximum too low."""


class UnsupportedOfferError(CapacityUnavailableError):
    """The provider does not sell this there, to this account: choose another offer, this one will not come."""


class QuotaError(KycError):
    """The account may not have more: stop and tell the person."""


class CredentialError(KycError):
    """The provider does not accept the credentials: stop and tell the person."""


class UnreachableError(KycError):
    """The other side does not answer; the next tick tries again."""


class StaleWriteError(KycError):
    """Somebody wrote since the value was read: read again and decide again."""


class FencedError(KycError):
    """A writer with a higher epoch has opened the workload's stream: stop working on it."""


class DamagedDataError(KycError):
    """Data read back is not what was written: wrong hash, missing chunk, hostile path."""


class OutOfSpaceError(KycError):
    """A disk is full, here or at the stream: make room, then try again."""


class TransitionError(KycError):
    """A state machine was asked to take an edge that its table does not have: a defect of ours."""
