"""Which regions are in use: where the clouds are looked at without being asked to look everywhere."""

from __future__ import annotations

from datetime import timedelta

from kyc.domain.deployment import DEPLOYMENT_EDGES
from kyc.domain.machine import is_final
from kyc.ports.clock import Clock
from kyc.ports.store import Store

REMEMBERED = timedelta(days=1)


async def regions_in_use(store: Store, clock: Clock, account: str) -> frozenset[str]:
    """Return the regions in which the account has a deployment, or had one of late: what it left may show late."""
    since = clock.now() - REMEMBERED
    return frozenset(
        one.offer.region
        for one in await store.deployments()
        if one.account == account and (one.requested_at > since or not is_final(DEPLOYMENT_EDGES, one.state))
    )
