"""Trying a stream out through its port, as a workload would use it: what holds for every back end alike.

Everything happens in a place of its own that is removed again. What fails is a finding, not an error.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from kyc.domain.errors import FencedError, KycError, NotFoundError
from kyc.domain.finding import Finding, Verdict
from kyc.domain.snapshot import ChunkId
from kyc.ports.stream import MAX_PAYLOAD_BYTES, Stream
from kyc.snapshot.manifest import closing_chunks

_CHUNK = ChunkId("0" * 64)
_LARGE_MANIFEST_BYTES = 3 * MAX_PAYLOAD_BYTES  # of some hundred thousand files
_ROUNDS = 3


async def try_out(stream: Stream, name: str) -> list[Finding]:
    """Make the place `name`, use it, and remove it."""
    findings = [await _attempt("create", lambda: _create(stream, name))]
    if findings[0].verdict is Verdict.BAD:
        return findings
    for subject, step in (
        ("write and read", lambda: _write_and_read(stream, name)),
        ("fence", lambda: _fence(stream, name)),
        ("free", lambda: _free(stream, name)),
    ):
        findings.append(await _attempt(subject, step))
    findings.append(await _attempt("delete", lambda: _delete(stream, name)))
    return findings


async def _attempt(subject: str, step: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        return await step()
    except KycError as error:
        return Finding(subject=subject, verdict=Verdict.BAD, text=str(error), next_step=error.next_step)


async def _create(stream: Stream, name: str) -> Finding:
    await stream.create(name)
    return _good("create", "a workload's place can be made")


async def _write_and_read(stream: Stream, name: str) -> Finding:
    """Write the largest chunk and a large manifest; a reader that comes later gets both back."""
    payload = bytes(range(256)) * (MAX_PAYLOAD_BYTES // 256) + bytes(MAX_PAYLOAD_BYTES % 256)
    manifest = bytes(_LARGE_MANIFEST_BYTES)
    writer = await stream.open_writer(name, 1)
    try:
        ref = await writer.put(_CHUNK, payload)
        took_s = []
        for _ in range(_ROUNDS):
            started_s = time.monotonic()
            sequence = await writer.commit(manifest)
            took_s.append(time.monotonic() - started_s)
    finally:
        await writer.close()
    reader = await stream.open_reader(name)
    try:
        same = await reader.manifest(sequence) == manifest
        async with closing_chunks(reader.chunks([ref])) as chunks:
            found = [data async for _, data in chunks]
    finally:
        await reader.close()
    if not same or found != [payload]:
        return _bad("write and read", "what was written is not what is read", "Use another stream.")
    text = f"chunks of {MAX_PAYLOAD_BYTES} bytes and manifests of {_LARGE_MANIFEST_BYTES} are read back"
    return _good("write and read", f"{text}; a commit takes {min(took_s) * 1000:.0f} ms")


async def _fence(stream: Stream, name: str) -> Finding:
    """Of two writers only the newer may commit: everything that promises one winner stands on it."""
    old = await stream.open_writer(name, 2)
    new = await stream.open_writer(name, 3)
    try:
        await old.commit(b"of the stale writer")
    except FencedError:
        await new.commit(b"of the newer writer")
        return _good("fence", "of two writers the stale one is refused")
    finally:
        await old.close()
        await new.close()
    return _bad("fence", "a stale writer was allowed to commit: two instances could both win", "Use another stream.")


async def _free(stream: Stream, name: str) -> Finding:
    """Old snapshots can be discarded."""
    reader = await stream.open_reader(name)
    try:
        first = (await reader.manifests())[0].sequence
        await stream.discard(name, manifests=[first], chunks=[])
        await reader.manifest(first)
    except NotFoundError:
        return _good("free", "old snapshots can be discarded")
    finally:
        await reader.close()
    return _bad("free", "a discarded snapshot is still there", "Look for a lock or a retention on the stream.")


async def _delete(stream: Stream, name: str) -> Finding:
    await stream.delete(name)
    return _good("delete", "a workload's place can be removed")


def _good(subject: str, text: str) -> Finding:
    return Finding(subject=subject, verdict=Verdict.GOOD, text=text)


def _bad(subject: str, text: str, next_step: str) -> Finding:
    return Finding(subject=subject, verdict=Verdict.BAD, text=text, next_step=next_step)
