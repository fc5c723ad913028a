"""`/instances`: what is bought."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated

from fastapi import APIRouter, Query

from kyc.domain.errors import InvalidInputError, NotFoundError
from kyc.domain.ids import InstanceId
from kyc.master.auth import Served
from kyc.master.views import instance_row
from kyc.wire.api import InstanceRow, InterruptedRow, InterruptRequest, TerminateRequest

router = APIRouter(prefix="/instances", tags=["instances"])
_LONGEST_NOTICE_S = 86_400


@router.get("")
async def list_instances(
    served: Served,
    everything: Annotated[bool, Query(alias="all", description="Also those that have ended.")] = False,
) -> list[InstanceRow]:
    """List the instances, the newest last."""
    now = served.clock.now()
    return [instance_row(found, now=now) for found in await served.store.instances(live_only=not everything)]


@router.post("/terminate")
async def terminate_instances(request: TerminateRequest, served: Served) -> list[InstanceRow]:
    """Give several back; where work runs on one, another takes over first. With an unknown id nothing is done."""
    known = {instance.id for instance in await served.store.instances()}
    unknown = [wanted for wanted in request.ids if wanted not in known]
    if unknown:
        raise NotFoundError(f"no instance has the id {unknown[0][:80]!r}", next_step="`kyc instances` lists them.")
    ended = [await served.intents.terminate(InstanceId(wanted)) for wanted in dict.fromkeys(request.ids)]
    now = served.clock.now()
    return [instance_row(instance, now=now) for instance in ended]


@router.get("/{instance_id}")
async def get_instance(instance_id: str, served: Served) -> InstanceRow:
    """Show one instance, also an ended one."""
    found = await served.store.instance(InstanceId(instance_id))
    if found is None:
        raise NotFoundError(f"no instance has the id {instance_id[:80]!r}", next_step="`kyc instances` lists them.")
    return instance_row(found, now=served.clock.now())


@router.post("/{instance_id}/interrupt")
async def interrupt_instance(instance_id: str, request: InterruptRequest, served: Served) -> InterruptedRow:
    """Have the cloud interrupt it, after `notice_s` seconds of notice or at once for 0, and say how it does it."""
    if not 0 <= request.notice_s <= _LONGEST_NOTICE_S:
        raise InvalidInputError(f"body.notice_s: give 0 to {_LONGEST_NOTICE_S} seconds")
    found, how = await served.intents.interrupt(InstanceId(instance_id), request.notice_s)
    row = instance_row(found, now=served.clock.now())
    return InterruptedRow(**{one.name: getattr(row, one.name) for one in fields(row)}, how=how)


@router.post("/{instance_id}/terminate")
async def terminate_instance(instance_id: str, served: Served) -> InstanceRow:
    """Give it back. If work runs on it, another instance takes over first."""
    return instance_row(await served.intents.terminate(InstanceId(instance_id)), now=served.clock.now())
