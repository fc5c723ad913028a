"""What it costs to move bytes out of a place: list prices for the first terabytes of a month, North America and Europe.

Enough to tell a move within a region from one to another cloud; volume discounts, free allowances and dearer
continents (Asia Pacific, South America: up to 0.15 USD/GB between regions) are not counted. Bytes that come in are
free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

BYTES_PER_GB = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where data lies or work runs; an empty region is all that is known of it, or all there is."""

    cloud: str
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressPrice:
    """USD per GB out of one region: to another region of the cloud, and to anywhere else."""

    to_region: float
    to_internet: float
    source: str
    read_on: date


_READ_ON = date(2026, 11, 23)
EGRESS: Mapping[str, EgressPrice] = {
    "aws": EgressPrice(
        to_region=0.02,
        to_internet=0.09,
        source="aws.amazon.com/ec2/pricing/on-demand (data transfer)",
        read_on=_READ_ON,
    ),
    "gcp": EgressPrice(
        to_region=0.02, to_internet=0.12, source="cloud.google.com/vpc/network-pricing (premium tier)", read_on=_READ_ON
    ),
    "azure": EgressPrice(
        to_region=0.02, to_internet=0.087, source="azure.microsoft.com/pricing/details/bandwidth", read_on=_READ_ON
    ),
}
UNKNOWN_TO_INTERNET = 0.12  # a cloud without a row: the dearest of the three, so that nothing looks cheap by ignorance
THIS_MACHINE = Place(cloud="local")
FREE = frozenset({THIS_MACHINE.cloud})  # this machine pays nobody for its bytes


def egress_usd_per_gb(source: Place, target: Place) -> float:
    """Return what a GB costs from one place to the other."""
    if source.cloud in FREE:
        return 0.0
    price = EGRESS.get(source.cloud)
    if source.cloud != target.cloud:
        return UNKNOWN_TO_INTERNET if price is None else price.to_internet
    if price is None or source.region == target.region:
        return 0.0
    return price.to_region
