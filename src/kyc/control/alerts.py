"""The alerts loop: holds spot prices against people's lines and does what they asked for; and what people ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from kyc.control.context import Context, write_fresh
from kyc.domain.alert import Market, PriceAlert, Side, Then
from kyc.domain.errors import InvalidInputError, NotFoundError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import AlertId, WorkloadName, new_alert_id
from kyc.domain.job import Job
from kyc.domain.offer import Offer, Purchase
from kyc.domain.workload import Requirement
from kyc.planning.alert import (
    Seen,
    Working,
    look,
    plan_move,
    plan_pause,
    plan_resume,
    price_of,
    reason_of,
    working_there,
)
from kyc.planning.market import WorkAhead
from kyc.planning.offers import OfferQuery
from kyc.ports.store import Record

_ZONES = 50


@dataclass(frozen=True, slots=True)
class Alerts:
    """Price alerts. A crossing, its event and what follows are one write: it happens once or not at all."""

    context: Context

    async def tick(self) -> None:
        """Look at every alert once."""
        for alert in await self.context.store.admin_records(PriceAlert, live_only=True):
            await write_fresh(lambda key=alert.id: self._look(key))  # type: ignore[misc]

    async def _look(self, alert_id: AlertId) -> None:
        alert = await self.context.store.admin_record(PriceAlert, alert_id)
        if alert is None or alert.is_over:
            return
        price = price_of(alert, await self._offers(alert.market))
        if price is None:
            return
        seen = look(alert, price, now=self.context.clock.now())
        if seen.fires:
            await self._fire(seen, price)
        elif seen.returns:
            await self._return(seen, price)
        elif price != alert.seen_usd_per_hour or alert.crossed is None:
            await self.context.store.save(seen.alert)

    async def _fire(self, seen: Seen, price: Decimal) -> None:
        alert, reason = seen.alert, reason_of(seen.alert, price)
        there = await self._working_there(alert)
        paused = {job.name: job for job in plan_pause(alert, there, reason)}
        moved: dict[WorkloadName, Record] = {}
        for one in there:
            leaving = plan_move(alert, one, await self._offers_for(one.job), reason)
            if leaving is not None:
                moved[one.job.name] = leaving
        names = {"paused": list(paused), "moved": list(moved)}
        left = [one.job.name for one in there if one.job.name not in paused and one.job.name not in moved]
        event = self._event(alert, price, reason, then=alert.then.value, left_alone=left, **names)
        resting = replace(alert, paused=tuple(paused))
        steered = [self._steered(job, reason) for job in paused.values()]
        await self.context.store.save(resting, *paused.values(), *moved.values(), events=[event, *steered])
        self.context.signal.notify()

    async def _return(self, seen: Seen, price: Decimal) -> None:
        alert = seen.alert
        reason = f"the spot price of {alert.market.words()} is back at ${price.normalize():f}/h"
        jobs = plan_resume(alert, await self.context.store.jobs(live_only=True))
        events = [self._steered(job, reason) for job in jobs]
        await self.context.store.save(replace(alert, paused=()), *jobs, events=events)
        self.context.signal.notify()

    # --- what people ask for ---

    async def all(self) -> list[PriceAlert]:
        """Return the alerts, oldest first."""
        return await self.context.store.admin_records(PriceAlert, live_only=True)

    async def add(
        self, market: Market, side: Side, usd_per_hour: Decimal, then: Then, workload: str | None = None
    ) -> PriceAlert:
        """Store an alert.

        Raise InvalidInputError for a price that is none, NotFoundError for a market or job that is not known.
        """
        if not usd_per_hour.is_finite() or usd_per_hour <= 0:
            raise InvalidInputError("usd_per_hour: give a price above 0 USD an hour")
        if price_of(self._new(market, side, usd_per_hour, then, None), await self._offers(market)) is None:
            raise NotFoundError(
                f"no spot price is known for {market.words()}", next_step="`kyc offers --spot --type TYPE` lists some."
            )
        name = None if workload is None else WorkloadName(workload)
        if name is not None and await self.context.store.job(name) is None:
            raise NotFoundError(f"no workload is called {name[:80]!r}", next_step="`kyc ps` lists them.")
        alert = self._new(market, side, usd_per_hour, then, name)
        await self.context.store.save(alert)
        return replace(alert, version=1)

    async def remove(self, alert_id: str) -> None:
        """Forget an alert; jobs that rest because of it go on. Raise NotFoundError for none."""
        await write_fresh(lambda: self._remove(alert_id))

    async def _remove(self, alert_id: str) -> None:
        alert = await self.context.store.admin_record(PriceAlert, alert_id)
        if alert is None or alert.is_over:
            raise NotFoundError(f"no alert has the id {alert_id[:80]!r}", next_step="`kyc alert list` lists them.")
        jobs = plan_resume(alert, await self.context.store.jobs(live_only=True))
        events = [self._steered(job, "its price alert was removed") for job in jobs]
        await self.context.store.save(replace(alert, removed=True, paused=()), *jobs, events=events)
        self.context.signal.notify()

    def _new(
        self, market: Market, side: Side, usd_per_hour: Decimal, then: Then, workload: WorkloadName | None
    ) -> PriceAlert:
        return PriceAlert(
            id=new_alert_id(self.context.rng),
            market=market,
            side=side,
            usd_per_hour=usd_per_hour,
            then=then,
            created_at=self.context.clock.now(),
            workload=workload,
        )

    async def _offers(self, market: Market) -> Sequence[Offer]:
        wish = Requirement(
            cloud=market.cloud, region=market.region, zone=market.zone or None, instance_type=market.instance_type
        )
        query = OfferQuery(any_of=(wish,), purchase=Purchase.SPOT, limit=_ZONES)
        return (await self.context.search(query)).offers

    async def _offers_for(self, job: Job) -> list[Offer]:
        ranking = await self.context.rank(job.spec.any_of, WorkAhead(data_at=self.context.data_at))
        return [one.offer for one in ranking.best_first]

    async def _working_there(self, alert: PriceAlert) -> list[Working]:
        if alert.then is Then.NOTIFY:
            return []
        store = self.context.store
        instances = {instance.id: instance for instance in await store.instances(live_only=True)}
        return working_there(alert, await store.jobs(live_only=True), await store.attempts(live_only=True), instances)

    def _event(self, alert: PriceAlert, price: Decimal, reason: str, **more: object) -> Event:
        market = alert.market
        data: dict[str, object] = {
            "alert": alert.id,
            "cloud": market.cloud,
            "region": market.region,
            "zone": market.zone or None,
            "type": market.instance_type,
            "side": alert.side.value,
            "line_usd_per_hour": float(alert.usd_per_hour),
            "price_usd_per_hour": float(price),
        }
        now = self.context.clock.now()
        return Event(kind=EventKind.PRICE_ALERTED, subject=alert.id, at=now, data=data | more, reason=reason)

    def _steered(self, job: Job, reason: str) -> Event:
        data = {"to": "wait" if job.course.wait else "any"}
        return Event(
            kind=EventKind.JOB_STEERED, subject=job.name, at=self.context.clock.now(), data=data, reason=reason
        )
