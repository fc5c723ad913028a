"""Kafka behind TLS with SCRAM, as in production: files go there and come back, and errors say what is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import CredentialError, KycError, UnreachableError
from kyc.domain.finding import Verdict
from kyc.domain.snapshot import StreamAccess
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import WorkloadFiles
from kyc.streams import check, connect, narrow
from tests.kafka.broker import Broker
from tests.kafka.certificate import Authority
from tests.needs import need

KEY = bytes(range(32))
_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("the test's own")


@pytest.fixture(scope="module")
def broker(authority: Authority) -> Iterator[Broker]:
    need("kafka")
    running = Broker(
        client_listener="SASL_SSL",
        users={"kyc": "right", "broker": "own"},
        extra=(
            "sasl.enabled.mechanisms=SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512",
            f'listener.name.client.scram-sha-512.sasl.jaas.config={_LOGIN} username="broker" password="own";',
            *authority.broker_settings(),
        ),
    )
    try:
        running.start()
        yield running
    finally:
        running.close()


def url_of(broker: Broker, authority: Authority, user: str = "kyc") -> str:
    return f"kafka://{user}@{broker.address}?timeout=10&ssl.ca.pem={quote(authority.pem)}"


async def test_files_go_there_and_come_back(broker: Broker, authority: Authority, tmp_path: Path) -> None:
    access = StreamAccess(url=url_of(broker, authority), workload="train", token="right")
    findings = await check(access)
    warnings = {one.subject: one.text for one in findings if one.verdict is not Verdict.GOOD}
    assert set(warnings) == {"replicas", "agents"}
    assert "no authorizer" in warnings["agents"]
    assert (await narrow(access, "train", now=datetime.now(UTC))).token == access.token
    source = tmp_path / "source"
    source.mkdir()
    (source / "data").write_bytes(bytes(range(256)) * 10_000)
    stream = connect(access)
    await stream.create("train")
    files = WorkloadFiles(name="train", root=source, key=KEY)
    replicator = Replicator(files, await stream.open_writer("train", 1), clock=SystemClock())
    await replicator.flush()
    replicator.close()
    await stream.close()
    late = connect(access)
    copy = WorkloadFiles(name="train", root=tmp_path / "copy", key=KEY)
    restorer = Restorer(copy, await late.open_reader("train"), clock=SystemClock())
    await restorer.restore()
    restorer.close()
    await late.close()
    assert (tmp_path / "copy" / "data").read_bytes() == (source / "data").read_bytes()


@pytest.mark.parametrize("user", ["kyc", "nobody"])
async def test_who_may_not_sign_in_is_told_so(broker: Broker, authority: Authority, user: str) -> None:
    wrong = connect(StreamAccess(url=url_of(broker, authority, user), workload="train", token="guessed"))
    started = time.monotonic()
    with pytest.raises(CredentialError) as caught:
        await wrong.open_reader("train")
    assert "guessed" not in str(caught.value)
    assert time.monotonic() - started < 30
    await wrong.close()


async def test_a_certificate_of_a_stranger_is_not_believed(broker: Broker) -> None:
    stranger = StreamAccess(url=url_of(broker, Authority("a stranger")), workload="train", token="right")
    findings = await check(stranger)
    assert [(one.subject, one.verdict) for one in findings] == [("reach", Verdict.BAD)]
    assert "certificate" in findings[0].text.lower() or "ssl" in findings[0].text.lower()


async def test_without_tls_nothing_is_said(broker: Broker) -> None:
    plain = connect(StreamAccess(url=f"kafka://{broker.address}?timeout=3", workload="train"))
    with pytest.raises(KycError) as caught:
        await plain.open_reader("train")
    assert isinstance(caught.value, (UnreachableError, CredentialError))
    await plain.close()
