"""Trying a cluster out before anything relies on it: is it there, may we do all we need, are its limits wide enough."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping

from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]  # exported, but not by name

from kyc.adapters.kafka.address import Address
from kyc.adapters.kafka.cluster import Cluster
from kyc.adapters.kafka.layout import MAX_MESSAGE_BYTES, Place
from kyc.adapters.kafka.stream import KafkaStream
from kyc.domain.errors import KycError
from kyc.domain.finding import Finding, Verdict
from kyc.domain.snapshot import ChunkId
from kyc.ports.stream import MAX_PAYLOAD_BYTES


async def check_cluster(address: Address) -> list[Finding]:
    """Try out all that a workload needs, in a place of its own that is removed again; what fails is a finding."""
    cluster, stream = Cluster(address), KafkaStream(address)
    try:
        reached = await _attempt("reach", lambda: _reach(cluster))
        if reached[-1].verdict is Verdict.BAD:
            return reached
        return reached + await _try_out(cluster, stream, f"check-{secrets.token_hex(4)}")
    finally:
        await stream.close()
        await cluster.close()


async def _try_out(cluster: Cluster, stream: KafkaStream, probe: str) -> list[Finding]:
    findings = await _attempt("create", lambda: _create(stream, probe))
    if findings[-1].verdict is Verdict.BAD:
        return findings
    try:
        for subject, step in (
            ("limits", lambda: _limits(cluster, Place(cluster.address.prefix, probe))),
            ("write and read", lambda: _write_and_read(stream, probe)),
        ):
            findings += await _attempt(subject, step)
    finally:
        findings += await _attempt("delete", lambda: _delete(stream, probe))
    return findings


async def _attempt(subject: str, step: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        return await step()
    except KycError as error:
        return [Finding(subject=subject, verdict=Verdict.BAD, text=str(error), next_step=error.next_step)]


async def _reach(cluster: Cluster) -> list[Finding]:
    brokers = await cluster.answer(
        cluster.admin.describe_cluster(request_timeout=cluster.address.timeout_s), "reaching it"
    )
    text = f"{len(brokers.nodes)} broker(s) answer at {cluster.address.servers}"
    return [_good("reach", text)]


async def _create(stream: KafkaStream, probe: str) -> list[Finding]:
    await stream.create(probe)
    return [_good("create", "topics can be made and described")]


async def _delete(stream: KafkaStream, probe: str) -> list[Finding]:
    await stream.delete(probe)
    return [_good("delete", "topics can be removed")]


async def _write_and_read(stream: KafkaStream, probe: str) -> list[Finding]:
    """Write the largest chunk and a manifest in a transaction, and read both."""
    writer = await stream.open_writer(probe, 1)
    try:
        ref = await writer.put(ChunkId("0" * 64), bytes(MAX_PAYLOAD_BYTES))
        sequence = await writer.commit(b"probe")
    finally:
        await writer.close()
    reader = await stream.open_reader(probe)
    same = await reader.manifest(sequence) == b"probe"
    sizes = [len(payload) async for _, payload in reader.chunks([ref])]
    if not same or sizes != [MAX_PAYLOAD_BYTES]:
        return [Finding(subject="write and read", verdict=Verdict.BAD, text="what was written is not what was read")]
    return [_good("write and read", f"a chunk of {MAX_PAYLOAD_BYTES} bytes and a transaction pass, and are read back")]


async def _limits(cluster: Cluster, place: Place) -> list[Finding]:
    settings = await _topic_settings(cluster, place.chunk_topic)
    replicas = await _replicas(cluster, place.chunk_topic)
    limit, in_sync = int(settings["max.message.bytes"]), int(settings["min.insync.replicas"])
    findings = [_good("limits", f"messages of {limit} bytes are allowed")]
    if limit < MAX_MESSAGE_BYTES:
        findings = [_bad("limits", f"messages may have {limit} bytes only", f"Allow {MAX_MESSAGE_BYTES}.")]
    if settings["cleanup.policy"] != "compact":
        findings.append(
            _bad("cleanup", "the cluster forces another cleanup.policy than compact on topics", "Allow it.")
        )
    text = f"{replicas} replica(s), of which {in_sync} must have a write before it counts"
    if replicas == 1 or in_sync == 1:
        step = "For more than a trial: default.replication.factor=3 and min.insync.replicas=2."
        text += "; the loss of one machine can lose what it acknowledged"
        findings.append(Finding(subject="replicas", verdict=Verdict.WARNING, text=text, next_step=step))
    else:
        findings.append(_good("replicas", text))
    return findings


async def _topic_settings(cluster: Cluster, topic: str) -> Mapping[str, str]:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    asked = cluster.admin.describe_configs([resource], request_timeout=cluster.address.timeout_s)
    found = await cluster.answer(asked[resource], f"reading the settings of {topic}")
    return {name: entry.value for name, entry in found.items()}


async def _replicas(cluster: Cluster, topic: str) -> int:
    described = await cluster.describe(topic)
    return len(described.partitions[0].replicas)


def _good(subject: str, text: str) -> Finding:
    return Finding(subject=subject, verdict=Verdict.GOOD, text=text)


def _bad(subject: str, text: str, next_step: str) -> Finding:
    return Finding(subject=subject, verdict=Verdict.BAD, text=text, next_step=next_step)
