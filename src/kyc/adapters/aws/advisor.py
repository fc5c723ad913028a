"""AWS's Spot Advisor: how often a type was interrupted in a region last month, and what spot saves there on average.

A public file: `{"ranges": [{"index": 0, "label": "<5%"}, ...], "spot_advisor": {REGION: {"Linux": {TYPE: {"r": 0,
"s": 70}}}}}`. `s` may be negative, where spot cost more than on-demand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from kyc.domain.errors import InvalidInputError
from kyc.ports.pricefeed import BandFact

URL = "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What is said of one type in one region; `saving` is a share of the on-demand price."""

    region: str
    instance_type: str
    band: str
    saving: float


class _Range(msgspec.Struct, frozen=True):
    index: int
    label: str


class _Entry(msgspec.Struct, frozen=True):
    r: int
    s: float


class _File(msgspec.Struct, frozen=True):
    ranges: list[_Range]
    spot_advisor: dict[str, dict[str, dict[str, _Entry]]]


def read_advisor(page: bytes) -> list[Advice]:
    """Return what the file says of Linux; raise InvalidInputError for one in another format."""
    try:
        file = msgspec.json.decode(page, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"the Spot Advisor's file is not as it was: {error}") from error
    labels = {one.index: one.label for one in file.ranges}
    return [
        Advice(region=region, instance_type=name, band=labels.get(entry.r, ""), saving=entry.s / 100)
        for region, systems in file.spot_advisor.items()
        for name, entry in systems.get("Linux", {}).items()
    ]


def bands_of(advice: list[Advice]) -> Iterator[BandFact]:
    """Yield the interruption bands."""
    for one in advice:
        if one.band:
            yield BandFact(cloud="aws", region=one.region, instance_type=one.instance_type, band=one.band)
