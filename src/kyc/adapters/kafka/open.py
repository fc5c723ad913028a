"""The factory: a stream on Kafka from a URL and a token, if the library for it is installed."""

from __future__ import annotations

from kyc.domain.errors import InvalidInputError
from kyc.domain.snapshot import StreamAccess
from kyc.ports.stream import Stream


def open_stream(access: StreamAccess) -> Stream:
    """Return the stream; it connects at the first call. InvalidInputError for a URL that makes no sense."""
    try:
        from kyc.adapters.kafka.stream import KafkaStream  # noqa: PLC0415  # loads librdkafka, which is an extra
    except ModuleNotFoundError as missing:
        raise InvalidInputError(
            f"a kafka:// stream needs {missing.name}, which is not installed",
            next_step="pip install 'keep-your-cost[kafka]'",
        ) from missing
    from kyc.adapters.kafka.address import address_of  # noqa: PLC0415

    return KafkaStream(address_of(access))
