"""The factory: a stream on Kafka from a URL and a token, and its check, if the library for it is installed."""

from __future__ import annotations

from kyc.adapters.kafka.address import address_of
from kyc.domain.errors import InvalidInputError
from kyc.domain.finding import Finding
from kyc.domain.snapshot import StreamAccess
from kyc.ports.stream import Stream


def open_stream(access: StreamAccess) -> Stream:
    """Return the stream; it connects at the first call. InvalidInputError for a URL that makes no sense."""
    try:
        from kyc.adapters.kafka.stream import KafkaStream  # noqa: PLC0415  # loads librdkafka, which is an extra
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from missing
    return KafkaStream(address_of(access))


async def check(access: StreamAccess) -> list[Finding]:
    """Try the cluster out with these credentials, in a place that is removed again. Raises as `open_stream` does."""
    try:
        from kyc.adapters.kafka.check import check_cluster  # noqa: PLC0415  # loads librdkafka, which is an extra
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from missing
    return await check_cluster(address_of(access))


def _not_installed(missing: ModuleNotFoundError) -> InvalidInputError:
    return InvalidInputError(
        f"a kafka:// stream needs {missing.name}, which is not installed",
        next_step="pip install 'keep-your-cost[kafka]'",
    )
