"""The repricing loop: what runs is billed at the price that holds while it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kyc.control.context import Context, write_fresh
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId, OfferId
from kyc.domain.instance import Instance
from kyc.domain.offer import Offer
from kyc.domain.workload import Requirement
from kyc.planning.offers import OfferQuery
from kyc.planning.price import price_change


@dataclass(frozen=True, slots=True)
class Repricing:
    """Writes each change of a live instance's price on the instance, with its time."""

    context: Context

    async def tick(self) -> None:
        """Compare what runs with the catalogs once."""
        live = await self.context.store.instances(live_only=True)
        if not live:
            return
        listed = await self._listed(live)
        for instance in live:
            if price_change(instance, listed.get(instance.offer.id), now=self.context.clock.now()) is not None:
                offer = listed[instance.offer.id]
                await write_fresh(lambda i=instance.id, o=offer: self._record(i, o))  # type: ignore[misc]

    async def _listed(self, live: list[Instance]) -> dict[OfferId, Offer]:
        wishes = {_wish(instance.offer) for instance in live}
        query = OfferQuery(any_of=tuple(wishes), limit=2 * len(wishes))  # spot and on-demand of each
        return {offer.id: offer for offer in (await self.context.search(query)).offers}

    async def _record(self, instance_id: InstanceId, offer: Offer) -> None:
        instance = await self.context.store.instance(instance_id)
        now = self.context.clock.now()
        change = None if instance is None or instance.is_over else price_change(instance, offer, now=now)
        if instance is None or change is None:
            return
        before = instance.price_now.usd_per_hour
        data = {
            "offer": offer.id,
            "price_usd_per_hour": float(change.usd_per_hour),
            "before_usd_per_hour": float(before),
            "since": change.at.isoformat(),
            "workload": instance.workload,
        }
        reason = "the price rose" if change.usd_per_hour > before else "the price fell"
        event = Event(kind=EventKind.INSTANCE_REPRICED, subject=instance.id, at=now, data=data, reason=reason)
        await self.context.store.save(replace(instance, prices=(*instance.prices, change)), events=[event])
        self.context.signal.notify()


def _wish(offer: Offer) -> Requirement:
    return Requirement(
        cloud=offer.cloud, region=offer.region, zone=offer.zone or None, instance_type=offer.instance_type
    )
