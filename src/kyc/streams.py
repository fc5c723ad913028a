"""Which stream back end a URL means: the one table of them, for the master's wiring and the agent's.

Back ends are imported when they are asked for: an agent loads the one it uses and no other.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from kyc.domain.errors import InvalidInputError
from kyc.domain.snapshot import StreamAccess
from kyc.ports.stream import Stream

SCHEMES = ("nats", "tls", "kafka", "s3", "gs", "az", "file")


def connect(access: StreamAccess) -> Stream:
    """Return the stream that the access names; it connects at the first call.

    Raises InvalidInputError for a URL of no known back end, or of one whose package is not installed.
    """
    scheme = urlsplit(access.url).scheme
    match scheme:
        case "nats" | "tls":
            from kyc.adapters.nats.stream import NatsStream, address_of  # noqa: PLC0415

            return NatsStream(address_of(access))
        case "kafka":
            from kyc.adapters.kafka.open import open_stream as open_kafka  # noqa: PLC0415

            return open_kafka(access)
        case "s3" | "gs" | "az":
            from kyc.adapters.objects.open import open_stream as open_objects  # noqa: PLC0415

            return open_objects(access)
        case "file":
            from kyc.adapters.directory.stream import DirectoryStream, path_of  # noqa: PLC0415

            return DirectoryStream(path_of(access.url))
        case _:
            raise InvalidInputError(
                f"no stream is known for {scheme or access.url!r}://",
                next_step=f"Use one of {', '.join(SCHEMES)}; docs/streams.md tells them apart.",
            )
