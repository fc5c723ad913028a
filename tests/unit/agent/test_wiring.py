"""Which adapters an agent gets: by the URLs that it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kyc.adapters.aws.notices import Ec2Notices
from kyc.adapters.directory.stream import DirectoryStream
from kyc.adapters.nats.stream import NatsStream
from kyc.adapters.system.clock import SystemClock
from kyc.agent.wiring import notices_at
from kyc.domain.errors import InvalidInputError
from kyc.domain.snapshot import StreamAccess
from kyc.streams import connect


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("nats://127.0.0.1:4222", NatsStream),
        ("tls://nats.example", NatsStream),
        ("file:///mnt/stream", DirectoryStream),
    ],
)
async def test_the_streams_url_chooses_the_back_end(url: str, kind: type) -> None:
    stream = connect(StreamAccess(url=url, workload="train"))
    assert isinstance(stream, kind)
    await stream.close()


def test_an_unknown_stream_is_named() -> None:
    with pytest.raises(InvalidInputError, match="carrier-pigeon") as caught:
        connect(StreamAccess(url="carrier-pigeon://home", workload="train"))
    assert caught.value.next_step


async def test_without_a_metadata_service_nobody_gives_notice(tmp_path: Path) -> None:
    assert isinstance(notices_at("http://169.254.169.254", SystemClock()), Ec2Notices)
    assert await notices_at(None, SystemClock()).poll() is None
