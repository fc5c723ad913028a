"""Prices that move while a job runs, over the real control loops."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from kyc.domain.event import EventKind
from kyc.domain.offer import Offer
from kyc.planning.ledger import bill_of, cost_of
from tests.simulation.world import World, spec


def reprice(world: World, factor: str) -> None:
    """Let every spot price change now."""

    def changed(offer: Offer) -> Offer:
        price = offer.price_usd_per_hour * Decimal(factor)
        return replace(offer, price_usd_per_hour=price, priced_at=world.clock.now())

    world.catalog.listed = tuple(
        changed(offer) if offer.purchase == "spot" else offer for offer in world.catalog.listed
    )


async def test_a_running_job_pays_each_second_at_its_own_price() -> None:
    world = World(steps_of_work=120)
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        await world.run_for(20)
        reprice(world, "2")
        at_1 = world.clock.now()
        await world.run_for(20)
        reprice(world, "4")
        at_2 = world.clock.now()
        await world.run_until_over(job.name)
    [instance] = await world.store.instances()
    span = bill_of(instance, now=world.clock.now()).span
    parts = [(at_1 - span.since, Decimal(1)), (at_2 - at_1, Decimal(2)), (span.until - at_2, Decimal(8))]
    by_hand = sum(
        instance.offer.price_usd_per_hour * factor * Decimal(str(part.total_seconds())) / 3600 for part, factor in parts
    )
    assert cost_of([instance], now=world.clock.now()).spent == by_hand.quantize(Decimal("0.000001"))
    assert [event.reason for event in await world.events(EventKind.INSTANCE_REPRICED)] == ["the price rose"] * 2


async def test_an_offer_that_is_gone_leaves_the_price_as_it_was() -> None:
    world = World(steps_of_work=20)
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        await world.run_for(10)
        world.catalog.listed = ()
        await world.run_until_over(job.name)
    [instance] = await world.store.instances()
    assert instance.prices == ()
