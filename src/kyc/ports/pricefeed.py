"""How prices are read from those who state them: facts, one after the other, and a way to fetch a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from kyc.domain.offer import Arch, Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFact:
    """What an instance type is. Zero or None: the source does not say. `gpu_memory_mib` is of each GPU."""

    cloud: str
    instance_type: str
    vcpus: float = 0
    memory_mib: int = 0
    arch: Arch | None = None
    gpu: str | None = None
    gpu_count: float = 0
    gpu_memory_mib: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFact:
    """What an hour of an instance type costs, above zero; `zone` is empty for a price of the whole region."""

    cloud: str
    region: str
    zone: str
    instance_type: str
    purchase: Purchase
    usd_per_hour: Decimal
    source: str
    priced_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BandFact:
    """How often the provider says a type is interrupted in a region, in its own words (`5-10%` a month)."""

    cloud: str
    region: str
    instance_type: str
    band: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A line that is no fact that can be used, and why."""

    reason: str


Fact = MachineFact | PriceFact | BandFact | LeftOut


class Web(Protocol):
    """Reads public pages. Both raise UnreachableError after a few tries (429 and 5xx wait as they are told), and
    CredentialError for 401 and 403. `lines` yields a large text line by line, in bounded memory.
    """

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes: ...

    def lines(self, url: str) -> Iterator[str]: ...


class PriceFeed(Protocol):
    """One public interface that states prices. Called in a process of its own: `fetch` may block.

    `fetch` yields the facts as of `now`; raises UnreachableError, CredentialError, or InvalidInputError for an answer
    that is not in the documented format. All prices of one region come, or an error: what is missing is not sold there
    any more. `every` is how often it is worth asking.
    """

    name: str
    cloud: str
    every: timedelta

    def fetch(self, *, now: datetime) -> Iterator[Fact]: ...
