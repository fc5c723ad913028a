"""What an offer must have, as a table of named checks: one place for the rule, its words, and why an offer fell out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kyc.domain.launch import LaunchOptions
from kyc.domain.offer import Offer, Purchase
from kyc.domain.workload import Bound, Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing asked for. `wish` words it (empty: not asked for); `holds` says whether an offer meets it."""

    name: str
    wish: Callable[[Requirement], str]
    holds: Callable[[Offer, Requirement], bool]


def fits_requirement(offer: Offer, requirement: Requirement) -> bool:
    """Say whether the offer has all that the requirement asks for."""
    return all(check.holds(offer, requirement) for check in CHECKS)


def options_of(offer: Offer, any_of: Sequence[Requirement], machine: LaunchOptions) -> LaunchOptions:
    """Return what the machine is to be, with the most that the alternatives which the offer meets let an hour cost."""
    limits = [one.max_price_usd_per_hour for one in any_of if fits_requirement(offer, one)]
    most = [limit for limit in limits if limit is not None]
    return replace(machine, max_price_usd_per_hour=max(most)) if most and len(most) == len(limits) else machine


def bound_text(bound: Bound) -> str:
    """Return a bound as people write it: `4+`, `4`, `4..8`, `..8`; empty for none."""
    if bound.most is None:
        return f"{bound.least:g}+" if bound.least > 0 else ""
    if bound.least == bound.most:
        return f"{bound.least:g}"
    return f"{bound.least:g}..{bound.most:g}" if bound.least > 0 else f"..{bound.most:g}"


def _max_price(requirement: Requirement) -> str:
    most = requirement.max_price_usd_per_hour
    return "" if most is None else f"{most} USD/h"


def _cheap_enough(offer: Offer, requirement: Requirement) -> bool:
    most = requirement.max_price_usd_per_hour
    return most is None or offer.price_usd_per_hour <= most


def _has_gpu(offer: Offer, requirement: Requirement) -> bool:
    return requirement.gpu is None or (offer.gpu or "").casefold() == requirement.gpu.casefold()


def _in_zone(offer: Offer, requirement: Requirement) -> bool:
    """A price that holds for a whole region holds in each of its zones; a zone's name tells its region, if none is."""
    zone = requirement.zone
    if zone is None or offer.zone:
        return zone in {None, offer.zone}
    return requirement.region is not None or (offer.region != "" and zone.startswith(offer.region))


def in_wished_zone(offer: Offer, any_of: Sequence[Requirement]) -> Offer:
    """Return the offer; one of a whole region in the zone that is asked for by the first alternative it meets."""
    if offer.zone:
        return offer
    met = next((wish for wish in any_of if fits_requirement(offer, wish)), None)
    return offer if met is None or met.zone is None else replace(offer, zone=met.zone)


# In the order in which an empty answer is explained: the place first, money last.
CHECKS = (
    Check(name="cloud", wish=lambda r: r.cloud or "", holds=lambda o, r: r.cloud in {None, o.cloud}),
    Check(name="region", wish=lambda r: r.region or "", holds=lambda o, r: r.region in {None, o.region}),
    Check(name="zone", wish=lambda r: r.zone or "", holds=_in_zone),
    Check(
        name="type", wish=lambda r: r.instance_type or "", holds=lambda o, r: r.instance_type in {None, o.instance_type}
    ),
    Check(name="arch", wish=lambda r: r.arch or "", holds=lambda o, r: r.arch in {None, o.arch}),
    Check(name="cpus", wish=lambda r: bound_text(r.vcpus), holds=lambda o, r: r.vcpus.fits(o.vcpus)),
    Check(
        name="memory",
        wish=lambda r: bound_text(r.memory_gib),
        holds=lambda o, r: r.memory_gib.fits(o.memory_mib / 1024),
    ),
    Check(name="gpu", wish=lambda r: r.gpu or "", holds=_has_gpu),
    Check(
        name="gpu count",
        wish=lambda r: f"{r.gpu_count:g}+" if r.gpu_count > 0 else "",
        holds=lambda o, r: o.gpu_count >= r.gpu_count,
    ),
    Check(
        name="gpu memory",
        wish=lambda r: bound_text(r.gpu_memory_gib),
        holds=lambda o, r: r.gpu_memory_gib.fits(o.gpu_memory_mib / 1024),
    ),
    Check(
        name="spot",
        wish=lambda r: "" if r.use_spot else "on-demand",
        holds=lambda o, r: r.use_spot or o.purchase is Purchase.ON_DEMAND,
    ),
    Check(name="max price", wish=_max_price, holds=_cheap_enough),
)
