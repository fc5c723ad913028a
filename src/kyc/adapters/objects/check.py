"""Trying a bucket out before anything relies on it: is it there, may we do all we need, does it keep our conditions."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from kyc.adapters.objects.address import Address
from kyc.adapters.objects.bucket import Bucket
from kyc.domain.errors import KycError
from kyc.domain.finding import Finding, Verdict
from kyc.ports.stream import MAX_PAYLOAD_BYTES


async def check_bucket(address: Address) -> list[Finding]:
    """Try out all that a workload needs, in a folder of its own that is removed again; what fails is a finding."""
    bucket = Bucket(address)
    name = f"check-{secrets.token_hex(4)}/probe"
    findings: list[Finding] = []
    steps: tuple[tuple[str, Callable[[], Awaitable[Finding]]], ...] = (
        ("put", lambda: _write(bucket, name)),
        ("condition", lambda: _condition(bucket, name)),
        ("get", lambda: _read(bucket, name)),
        ("list", lambda: _list(bucket, name)),
        ("remove", lambda: _delete(bucket, name)),
    )
    for subject, step in steps:
        try:
            findings.append(await step())
        except KycError as error:
            findings.append(_bad(subject, str(error), error.next_step))
            if subject == "put":
                break
    return findings


async def _write(bucket: Bucket, name: str) -> Finding:
    await bucket.put(name, bytes(MAX_PAYLOAD_BYTES))
    return _good("put", f"objects of {MAX_PAYLOAD_BYTES} bytes can be written")


async def _condition(bucket: Bucket, name: str) -> Finding:
    if await bucket.create(name, b"another"):
        return _bad(
            "condition",
            "the object store overwrites where it was told not to (If-None-Match): two writers could both win",
            "Use a store that keeps conditional writes, as S3, GCS, Azure and SeaweedFS do.",
        )
    return _good("condition", "conditional writes are kept: of two writers one wins")


async def _read(bucket: Bucket, name: str) -> Finding:
    if len(await bucket.get(name)) != MAX_PAYLOAD_BYTES:
        return _bad("get", "what was written is not what was read", "Use another object store.")
    return _good("get", "what was written is read back")


async def _list(bucket: Bucket, name: str) -> Finding:
    if name not in [found async for found in bucket.names(name.rpartition("/")[0] + "/")]:
        return _bad("list", "an object just written is not listed", "Use a store that lists what it has at once.")
    return _good("list", "what was written is listed at once")


async def _delete(bucket: Bucket, name: str) -> Finding:
    await bucket.delete([name])
    if await bucket.has(name):
        return _bad("remove", "a deleted object is still there", "Look at the bucket's object lock.")
    return _good("remove", "objects can be deleted")


def _good(subject: str, text: str) -> Finding:
    return Finding(subject=subject, verdict=Verdict.GOOD, text=text)


def _bad(subject: str, text: str, next_step: str) -> Finding:
    return Finding(subject=subject, verdict=Verdict.BAD, text=text, next_step=next_step)
