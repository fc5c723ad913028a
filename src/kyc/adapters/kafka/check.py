"""What only Kafka can be asked before anything relies on it: is it there, may we make topics, are its limits enough."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]  # exported, but not by name

from kyc.adapters.kafka.address import Address
from kyc.adapters.kafka.cluster import Cluster
from kyc.adapters.kafka.layout import MAX_MESSAGE_BYTES, Place
from kyc.adapters.kafka.stream import KafkaStream
from kyc.domain.errors import KycError
from kyc.domain.finding import Finding, Verdict

_REACHED_WITHIN_S = 10.0


async def check_cluster(address: Address) -> list[Finding]:
    """Look at the cluster, and at topics made for it that are removed again; what fails is a finding."""
    quick = replace(address, timeout_s=min(address.timeout_s, _REACHED_WITHIN_S))
    cluster, stream = Cluster(quick), KafkaStream(address)
    try:
        reached = await _attempt("reach", lambda: _reach(cluster))
        if reached[-1].verdict is Verdict.BAD:
            return reached
        return reached + await _try_out(cluster, stream, f"check-{secrets.token_hex(4)}")
    finally:
        await stream.close()
        await cluster.close()


async def _try_out(cluster: Cluster, stream: KafkaStream, probe: str) -> list[Finding]:
    findings = await _attempt("topics", lambda: _create(stream, probe))
    if findings[-1].verdict is Verdict.BAD:
        return findings
    try:
        findings += await _attempt("limits", lambda: _limits(cluster, Place(cluster.address.prefix, probe)))
    finally:
        findings += await _attempt("remove", lambda: _delete(stream, probe))
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
    answer = "1 broker answers" if len(brokers.nodes) == 1 else f"{len(brokers.nodes)} brokers answer"
    text = f"{answer} at {cluster.address.servers}"
    return [_good("reach", text)]


async def _create(stream: KafkaStream, probe: str) -> list[Finding]:
    await stream.create(probe)
    return [_good("topics", "topics can be made and described")]


async def _delete(stream: KafkaStream, probe: str) -> list[Finding]:
    await stream.delete(probe)
    return [_good("remove", "topics can be removed")]


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
    copies = "1 copy is" if replicas == 1 else f"{replicas} copies are"
    text = f"{copies} kept, of which {in_sync} must have a write before it counts"
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
