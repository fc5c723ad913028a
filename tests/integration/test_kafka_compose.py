"""The compose file that people try Kafka with: a real broker under its settings is good enough for a stream."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml

from kyc.domain.finding import Verdict
from kyc.domain.snapshot import StreamAccess
from kyc.streams import check
from tests.kafka.broker import Broker
from tests.kafka.jars import VERSION
from tests.needs import need

FILE = Path(__file__).parents[2] / "deploy/kafka/compose.yaml"
_PLACES = ("listener", "quorum", "log.dirs", "node.id", "process.roles")  # where it listens and keeps its files


def settings(environment: dict[str, object]) -> dict[str, str]:
    """Return what the image makes of its environment: KAFKA_A_B is a.b."""
    return {name.removeprefix("KAFKA_").lower().replace("_", "."): str(value) for name, value in environment.items()}


@pytest.mark.timeout(300)
async def test_a_broker_with_the_settings_of_the_compose_file_passes_the_check() -> None:
    need("kafka")
    service = yaml.safe_load(FILE.read_text())["services"]["kafka"]
    assert service["image"] == f"apache/kafka:{VERSION}"
    found = settings(service["environment"])
    broker = Broker(
        extra=tuple(f"{name}={value}" for name, value in found.items() if not any(at in name for at in _PLACES))
    )
    try:
        await asyncio.to_thread(broker.start)
        access = StreamAccess(url=f"kafka://{broker.address}?replication=1&timeout=20", workload="")
        verdicts = {one.subject: one.verdict for one in await check(access)}
    finally:
        await asyncio.to_thread(broker.close)
    assert Verdict.BAD not in verdicts.values()
    assert {"reach", "limits", "fence"} <= verdicts.keys()
