"""Which adapters an agent gets: by the URLs that it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kyc.adapters.aws.notices import Ec2Notices
from kyc.adapters.azure.notices import AzureNotices
from kyc.adapters.directory.stream import DirectoryStream
from kyc.adapters.gcp.notices import GceNotices
from kyc.adapters.nats.stream import NatsStream
from kyc.adapters.system.clock import SystemClock
from kyc.agent.settings import settings_from
from kyc.agent.wiring import NoNotices, notices_from
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


@pytest.mark.parametrize(
    ("env", "kind"),
    [
        ({}, NoNotices),
        ({"KYC_METADATA_URL": "http://127.0.0.2:80"}, Ec2Notices),
        ({"KYC_NOTICES": "aws"}, Ec2Notices),
        ({"KYC_NOTICES": "gcp"}, GceNotices),
        ({"KYC_NOTICES": "azure", "KYC_METADATA_URL": "http://127.0.0.2:80"}, AzureNotices),
    ],
)
async def test_the_environment_chooses_who_gives_notice(env: dict[str, str], kind: type) -> None:
    told = {"KYC_MASTER_URL": "http://m", "KYC_INSTANCE_ID": "i", "KYC_ENROL_TOKEN": "t"} | env
    settings = settings_from(told, current_folder=Path("/"))
    assert isinstance(notices_from(settings.notices, settings.metadata_url, SystemClock()), kind)


async def test_without_a_metadata_service_nobody_gives_notice() -> None:
    notices = notices_from(None, None, SystemClock())
    await notices.acknowledge()
    assert await notices.poll() is None
