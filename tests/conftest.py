"""What holds for a whole session of tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.azure.blobs import close_shared_server as close_blobs
from tests.kafka.shared import close_shared_brokers
from tests.objects.server import close_shared_server
from tests.postgres.server import close_shared_server as close_postgres

# How long drawing takes says more of the machine's load than of a strategy.
settings.register_profile("kyc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kyc")

# Masters of tests leave nothing in the keyring of whoever runs them.
os.environ["KYC_KEYRING"] = "off"


@pytest.fixture(scope="session", autouse=True)
def _shared_servers_end() -> Iterator[None]:
    yield
    close_shared_brokers()
    close_shared_server()
    close_postgres()
    close_blobs()
