"""Bare instances: what a person asks for, as a deployment that is stored, or only planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kyc.control.context import Context
from kyc.control.gate import NEXT_STEP, refusal_of
from kyc.domain.account import account_id
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.errors import (
    CapacityUnavailableError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    QuotaError,
)
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId, new_deployment_id, new_instance_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.launch import MOST_DISK_GIB, LaunchOptions, LaunchWish, OnInterruption, reserved_tag
from kyc.domain.offer import Offer, Purchase, read_offer_id
from kyc.domain.workload import Requirement
from kyc.planning.offers import OfferQuery
from kyc.ports.provisioner import LogLine, Planned

MOST_AT_ONCE = 100
_PLANNED_USER_DATA = "#!/bin/sh\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """What a launch would make and cost: nothing is stored or bought."""

    deployment: Deployment
    resources: Sequence[Planned]
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Launches:
    """Turns wishes into deployments."""

    context: Context

    async def launch(self, wish: LaunchWish) -> Deployment:
        """Store a deployment of bare instances; of the cheapest spot offer that fits the wish if none is named.

        Raise QuotaError if a budget does not allow it, InvalidInputError for a wish that cannot be met.
        """
        deployment = await self._deployment(wish)
        refused = await refusal_of(self.context, deployment.offer, None, count=wish.count)
        if refused:
            raise QuotaError(refused, next_step=NEXT_STEP)
        now = deployment.requested_at
        instances = [_instance(instance_id, deployment) for instance_id in deployment.instance_ids]
        about = {"deployment": deployment.id, "offer": deployment.offer.id}
        events = [
            Event(kind=EventKind.INSTANCE_REQUESTED, subject=i.id, at=now, data=about, reason="asked for")
            for i in instances
        ]
        await self.context.store.save(deployment, *instances, events=events)
        self.context.signal.notify()
        return deployment

    async def plan(self, wish: LaunchWish) -> LaunchPlan:
        """Have Terraform say what a launch would make; raise what `launch` and the provider would refuse it with."""
        deployment, lines = await self._deployment(wish), list[str]()

        async def on_line(line: LogLine) -> None:
            lines.append(line.text)

        user_data = dict.fromkeys(deployment.instance_ids, _PLANNED_USER_DATA)
        resources = await self.context.provisioner.plan(deployment, user_data, on_line)
        return LaunchPlan(deployment=deployment, resources=resources, lines=lines)

    async def _deployment(self, wish: LaunchWish) -> Deployment:
        if not 1 <= wish.count <= MOST_AT_ONCE:
            raise InvalidInputError(f"{wish.count} instances at once", next_step=f"Ask for 1 to {MOST_AT_ONCE}.")
        if wish.account and not (wish.cloud or wish.offer):
            raise InvalidInputError("an account is a cloud's, and none is named", next_step="Name the cloud too.")
        offer = await self._offer(wish)
        _check(wish.options, offer)
        rng = self.context.rng
        return Deployment(
            id=new_deployment_id(rng),
            offer=offer,
            instance_ids=tuple(new_instance_id(rng) for _ in range(wish.count)),
            state=DeploymentState.REQUESTED,
            requested_at=self.context.clock.now(),
            reason="asked for",
            account=await self._account(wish.account, offer.cloud),
            options=wish.options,
            user=wish.user,
        )

    async def _account(self, name: str, cloud: str) -> str:
        """Return the id of the account that pays; raise NotFoundError if the cloud has none of the name."""
        if not name:
            return self.context.payer(cloud)
        found = await self.context.store.account(account_id(cloud, name))
        if found is None or found.is_over:
            raise NotFoundError(f"{cloud} has no account {name!r}", next_step="`kyc cloud list` shows the accounts.")
        return found.id

    async def _offer(self, wish: LaunchWish) -> Offer:
        if wish.offer is None:
            return await self._cheapest(wish)
        found = await self._named(wish.offer)
        if found is None:
            raise NotFoundError(f"no offer is called {wish.offer!r}", next_step="`kyc offers` lists them.")
        if found.cloud not in self.context.clouds:
            raise ConflictError(
                f"{wish.offer} can be looked at, not bought: the cloud {found.cloud!r} is not registered",
                next_step="`kyc cloud list` shows the registered clouds.",
            )
        return found

    async def _cheapest(self, wish: LaunchWish) -> Offer:
        purchase = wish.purchase or Purchase.SPOT
        wanted = Requirement(
            cloud=wish.cloud or None,
            region=wish.region or None,
            zone=wish.zone or None,
            instance_type=wish.instance_type or None,
            max_price_usd_per_hour=wish.options.max_price_usd_per_hour,
            use_spot=purchase is Purchase.SPOT,
        )
        query = OfferQuery(any_of=(wanted,), purchase=purchase, clouds=frozenset(self.context.clouds), limit=1)
        found = (await self.context.search(query)).offers
        if not found:
            kind = purchase.value.replace("_", "-")
            raise CapacityUnavailableError(
                f"no registered cloud offers such {kind} capacity now",
                next_step="`kyc cloud list` shows the clouds, `kyc offers` what there is.",
            )
        return found[0]

    async def _named(self, offer_id: str) -> Offer | None:
        name = read_offer_id(offer_id)
        if name is None:
            return None
        wanted = Requirement(
            cloud=name.cloud, region=name.region, zone=name.zone or None, instance_type=name.instance_type
        )
        query = OfferQuery(any_of=(wanted,), purchase=name.purchase)
        return next((offer for offer in (await self.context.search(query)).offers if offer.id == offer_id), None)


def _instance(instance_id: InstanceId, deployment: Deployment) -> Instance:
    return Instance(
        id=instance_id,
        deployment_id=deployment.id,
        offer=deployment.offer,
        state=InstanceState.REQUESTED,
        requested_at=deployment.requested_at,
        name=instance_id,
    )


def _check(options: LaunchOptions, offer: Offer) -> None:
    """Raise InvalidInputError for options that no provider could take."""
    if options.disk_gib is not None and not 1 <= options.disk_gib <= MOST_DISK_GIB:
        raise InvalidInputError(f"a disk of {options.disk_gib} GiB", next_step=f"Ask for 1 to {MOST_DISK_GIB}.")
    reserved = reserved_tag(options.tags)
    if reserved is not None:
        raise InvalidInputError(f"the tag {reserved!r} is one of ours", next_step="Name it differently.")
    if offer.purchase is not Purchase.SPOT and options.on_interruption is not OnInterruption.TERMINATE:
        raise InvalidInputError("only a spot instance is interrupted", next_step="Leave out --on-interruption.")
    price = options.max_price_usd_per_hour
    if price is not None and price <= 0:
        raise InvalidInputError(f"a maximum price of {price} USD", next_step="Give one above zero, or none.")
