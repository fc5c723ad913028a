"""Why a provider did not give an instance that was asked for: what may be tried next depends on it."""

from __future__ import annotations

from enum import StrEnum

from kyc.domain.errors import (
    CapacityUnavailableError,
    CredentialError,
    KycError,
    PriceTooLowError,
    QuotaError,
    UnsupportedOfferError,
)


class Refusal(StrEnum):
    """What was refused. Everything but capacity says nothing about how often a pool takes instances away."""

    CAPACITY = "capacity"  # the pool is empty: another one
    PRICE = "price"  # our maximum is below the price of now: another pool, or more money
    UNSUPPORTED = "unsupported"  # the type is not sold there: never that pool
    QUOTA = "quota"  # the account may not have more of this kind in this region
    CREDENTIALS = "credentials"  # nothing can be bought in this cloud
    OTHER = "other"


_BY_ERROR: tuple[tuple[type[KycError], Refusal], ...] = (
    (PriceTooLowError, Refusal.PRICE),
    (UnsupportedOfferError, Refusal.UNSUPPORTED),
    (CapacityUnavailableError, Refusal.CAPACITY),
    (QuotaError, Refusal.QUOTA),
    (CredentialError, Refusal.CREDENTIALS),
)


def refusal_of(error: KycError) -> Refusal:
    """Return what an error of a launch means."""
    return next((refusal for kind, refusal in _BY_ERROR if isinstance(error, kind)), Refusal.OTHER)
