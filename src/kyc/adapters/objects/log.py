"""A workload's log in the bucket."""

from __future__ import annotations

from kyc.adapters.objects.bucket import Bucket
from kyc.adapters.objects.layout import Place, Record, decode_record
from kyc.adapters.objects.together import together
from kyc.domain.errors import NotFoundError

_READS_AT_ONCE = 16


async def require(bucket: Bucket, place: Place) -> None:
    """Raise NotFoundError for a workload without a place."""
    if not await bucket.has(place.mark):
        raise NotFoundError(f"the stream has no place for {place.workload}", next_step="Create it first.")


async def tail(bucket: Bucket, place: Place) -> tuple[int, Record | None]:
    """Return (sequence, record) of the last entry; (0, None) without one. It costs a page of a listing and a read."""
    while (name := await bucket.first(place.log)) is not None:
        try:
            return place.sequence(name), decode_record(await bucket.get(name))
        except NotFoundError:
            continue  # discarded since: then there is a later one
    return 0, None


async def after(bucket: Bucket, place: Place, sequence: int) -> tuple[int, Record | None]:
    """Return the entry that follows one that was the last; if that is discarded by now, the last one."""
    try:
        return sequence + 1, decode_record(await bucket.get(place.entry(sequence + 1)))
    except NotFoundError:
        return await tail(bucket, place)


async def entries(bucket: Bucket, place: Place, known: dict[str, Record]) -> list[tuple[int, Record]]:
    """Return all entries that are there, in order. `known` spares reading again what cannot have changed.

    An entry is only ever removed, but for the last one, which may be emptied in its place: that one is not kept.
    """

    async def one(name: str) -> tuple[int, Record] | None:
        try:
            record = known.get(name) or decode_record(await bucket.get(name))
        except NotFoundError:
            return None  # discarded since
        if name != found[-1]:
            known[name] = record
        return place.sequence(name), record

    found = [name async for name in bucket.names(place.log)][::-1]
    for name in known.keys() - set(found):
        del known[name]
    read = await together((one(name) for name in found), at_once=_READS_AT_ONCE)
    return [entry for entry in read if entry is not None]
