"""Replays recordings of several zones at once through the planning code: where a job would have run, and its cost.

The rules of a tick are those of `simulate.job`. Each tick is paid at the price of the zone it ran in; a move between
two zones pays the restart overhead like any launch, also where spot still lived in the zone that was left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kyc.domain.errors import InvalidInputError
from kyc.planning.baselines import Greedy, UniformProgress
from kyc.planning.deadline import Choice, Observation
from kyc.planning.zones import Placement, ZonesPolicy, ZonesSeen, ZonesTerms
from kyc.simulate.job import LATEST, Run
from kyc.simulate.recording import Bools, read_json

Prices = NDArray[np.float64]
DEFAULT_ON_DEMAND = 3.06


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Several zones, recorded at the same times: `available` and `prices` have the shape (zones, ticks)."""

    name: str
    zones: tuple[str, ...]
    tick_s: float
    available: Bools
    prices: Prices
    on_demand_price: float = DEFAULT_ON_DEMAND

    def of(self, zones: tuple[str, ...]) -> Fleet:
        """Return these zones only, in this order; ValueError for one that is not recorded."""
        missing = [zone for zone in zones if zone not in self.zones]
        if missing:
            raise InvalidInputError(f"{self.name} has no zone {missing[0]}: it has {', '.join(self.zones)}")
        places = [self.zones.index(zone) for zone in zones]
        return Fleet(
            name=self.name,
            zones=zones,
            tick_s=self.tick_s,
            available=self.available[places],
            prices=self.prices[places],
            on_demand_price=self.on_demand_price,
        )

    def live(self, tick: int) -> dict[str, float]:
        """Return where spot can be had in the tick, and its price; nowhere after the recording."""
        if tick >= self.available.shape[1]:
            return {}
        there = np.flatnonzero(self.available[:, tick])
        return {self.zones[place]: float(self.prices[place, tick]) for place in there}


class PlacingPolicy(Protocol):
    """Decides once a tick what to run and where."""

    def decide(self, seen: ZonesSeen) -> Placement:
        """Return what to run in the coming tick; spot only in a zone that is live."""
        ...


@dataclass(slots=True)
class FirstLive:
    """A policy of one zone for which any zone counts: it stays where spot runs, else takes the first, or cheapest."""

    whether: Greedy | UniformProgress
    cheapest: bool = False

    def decide(self, seen: ZonesSeen) -> Placement:
        """Return what the policy of one zone says, in the zone that runs or the first that is live."""
        stays = seen.running is not Choice.SPOT or seen.zone in seen.live
        choice = self.whether.decide(
            Observation(
                elapsed_s=seen.elapsed_s,
                work_done_s=seen.work_done_s,
                pending_overhead_s=seen.pending_overhead_s if stays else 0.0,
                running=seen.running if stays else Choice.WAIT,
                spot_available=bool(seen.live),
            )
        )
        if choice is not Choice.SPOT:
            return Placement(choice=choice, zone=None, reason="")
        if seen.zone in seen.live:
            return Placement(choice=choice, zone=seen.zone, reason="")
        zone = min(seen.live, key=seen.live.__getitem__) if self.cheapest else next(iter(seen.live))
        return Placement(choice=choice, zone=zone, reason="")


def replay_zones(terms: ZonesTerms, policy: PlacingPolicy, fleet: Fleet) -> Run:
    """Run the job tick by tick; RuntimeError where the policy takes spot in a zone that has none."""
    run, running, zone, pending = Run(), Choice.WAIT, None, 0.0
    most_s = LATEST * (max(0.0, terms.deadline_s) + max(0.0, terms.work_s) + terms.restart_overhead_s)
    for tick in range(math.ceil(most_s / terms.tick_s)):
        if run.work_done_s >= terms.work_s - 1e-6:
            break
        live = fleet.live(tick)
        if running is Choice.SPOT and zone not in live:
            running, zone, pending = Choice.WAIT, None, 0.0
            run.interruptions += 1
        placed = policy.decide(
            ZonesSeen(
                elapsed_s=tick * terms.tick_s,
                work_done_s=run.work_done_s,
                pending_overhead_s=pending,
                running=running,
                zone=zone,
                live=live,
            )
        )
        if placed.choice is Choice.SPOT and placed.zone not in live:
            raise RuntimeError(f"the policy took spot in {placed.zone} in tick {tick}, where there was none")
        if placed.choice is not Choice.WAIT and (placed.choice, placed.zone) != (running, zone):
            pending = terms.restart_overhead_s
            run.launches += 1
        pending = run.work(terms.work_s, terms.tick_s, placed.choice, pending)
        run.cost_usd += _price(placed, live, terms) * terms.tick_s / 3600
        run.choices.append(placed.choice)
        run.places.append(placed.zone)
        running, zone = placed.choice, placed.zone
    if run.work_done_s >= terms.work_s - 1e-6:
        run.finished_s = len(run.choices) * terms.tick_s
    return run


def _price(placed: Placement, live: Mapping[str, float], terms: ZonesTerms) -> float:
    if placed.choice is Choice.SPOT and placed.zone is not None:
        return live[placed.zone]
    return terms.on_demand_price if placed.choice is Choice.ON_DEMAND else 0.0


FLEET_POLICIES = ("ours", "greedy", "uniform")


def placing_policy(name: str, terms: ZonesTerms, fleet: Fleet) -> PlacingPolicy:
    """Return a fresh policy of that name; InvalidInputError where there is none of that name."""
    match name:
        case "ours":
            return ZonesPolicy.plan(terms, fleet.prices[:, 0].tolist())
        case "greedy":
            return FirstLive(Greedy(terms.with_spot(math.nan)), cheapest=True)
        case "uniform":
            return FirstLive(UniformProgress(terms.with_spot(math.nan)))
        case _:
            raise InvalidInputError(f"there is no policy {name!r}: choose one of {', '.join(FLEET_POLICIES)}")


def read_fleets(path: Path) -> list[Fleet]:
    """Return the recordings of several zones in a JSON file, gzipped or not; InvalidInputError where it holds none.

    Understood: `{"meta": {"gap_seconds", "on_demand_price"}, "windows": [{"index", "zones": {name: {"avail",
    "spot_price_rle"}}}]}`, and `{"zones": {name: {"gap_seconds", "avail", "spot_price_rle"?}}}` of equal ticks.
    """
    data = read_json(path)
    found = list(_parse(data)) if isinstance(data, dict) else []
    if not found:
        raise InvalidInputError(f"{path} holds no recording of several zones that we understand")
    return found


def _parse(data: dict[str, Any]) -> Iterator[Fleet]:
    if "windows" in data:
        meta = data["meta"]
        for window in data["windows"]:
            price = float(meta.get("on_demand_price", DEFAULT_ON_DEMAND))
            yield _fleet(str(window.get("index", "")), float(meta["gap_seconds"]), window["zones"], price)
    elif "zones" in data:
        gaps = {float(entry["gap_seconds"]) for entry in data["zones"].values()}
        if len(gaps) == 1:
            zones = {zone: entry for zone, entry in data["zones"].items() if "avail" in entry}
            yield _fleet("", gaps.pop(), zones, DEFAULT_ON_DEMAND)


def _fleet(name: str, tick_s: float, zones: Mapping[str, Any], on_demand_price: float) -> Fleet:
    ticks = min(len(entry["avail"]) for entry in zones.values())
    return Fleet(
        name=name,
        zones=tuple(zones),
        tick_s=tick_s,
        available=np.array([[mark == "1" for mark in entry["avail"][:ticks]] for entry in zones.values()]),
        prices=np.array([_unroll(entry.get("spot_price_rle") or [[0, 0.9731]], ticks) for entry in zones.values()]),
        on_demand_price=on_demand_price,
    )


def _unroll(steps: list[list[float]], ticks: int) -> list[float]:
    prices: list[float] = []
    for place, (start, price) in enumerate(steps):
        end = int(steps[place + 1][0]) if place + 1 < len(steps) else ticks
        prices += [float(price)] * max(0, min(end, ticks) - int(start))
    return prices
