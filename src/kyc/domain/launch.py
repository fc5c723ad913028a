"""What a person can ask of an instance beyond the offer it is bought by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from kyc.domain.offer import Purchase

MOST_DISK_GIB = 16_384
_OURS = "kyc-"


class OnInterruption(StrEnum):
    """What the provider is to do with a spot instance that it takes away."""

    TERMINATE = "terminate"
    STOP = "stop"
    HIBERNATE = "hibernate"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """Wishes of one deployment; empty or None leaves the choice to us. Names are the provider's own.

    `network` is a VPC, `subnet` a subnet in it; `role` an instance profile or service account; `image` an image's id.
    A spot instance never costs more than `max_price_usd_per_hour`: the provider takes it away first.
    """

    disk_gib: int | None = None
    network: str = ""
    subnet: str = ""
    role: str = ""
    image: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    max_price_usd_per_hour: Decimal | None = None
    on_interruption: OnInterruption = OnInterruption.TERMINATE
    public_address: bool = True


NO_OPTIONS = LaunchOptions()


def reserved_tag(tags: Mapping[str, str]) -> str | None:
    """Return the first tag that no person may set: one of ours, or one without a name; None if there is none."""
    return next((key for key in tags if key.startswith(_OURS) or not key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchWish:
    """Bare instances as a person asks for them: by an offer's id, or by what the offer must be; empty: any.

    `purchase` None: spot. `account` is an account's name; empty: the cloud's first. `user` is who asks.
    """

    offer: str | None = None
    count: int = 1
    cloud: str = ""
    region: str = ""
    zone: str = ""
    instance_type: str = ""
    purchase: Purchase | None = None
    account: str = ""
    options: LaunchOptions = NO_OPTIONS
    user: str = ""
