"""Which stream back end a URL means, and how each is checked: the one table, for the master's wiring and the agent's.

Back ends are imported when they are asked for: an agent loads the one it uses and no other.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit, urlunsplit

from kyc.domain.errors import InvalidInputError
from kyc.domain.finding import Finding, Verdict
from kyc.domain.snapshot import StreamAccess
from kyc.ports.stream import Stream

SCHEMES = ("nats", "tls", "kafka", "s3", "gs", "az", "file")


def connect(access: StreamAccess) -> Stream:
    """Return the stream that the access names; it connects at the first call.

    Raises InvalidInputError for a URL of no known back end, or of one whose package is not installed.
    """
    match urlsplit(access.url).scheme:
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
            raise _unknown(access.url)


def known(url: str) -> str:
    """Return the URL if a back end is known for it; raise InvalidInputError that names those there are."""
    if urlsplit(url).scheme not in SCHEMES:
        raise _unknown(url)
    return url


def _unknown(url: str) -> InvalidInputError:
    return InvalidInputError(
        f"no stream is known for {shown(url)!r}",
        next_step=f"Begin it with one of {', '.join(SCHEMES)} and `://`; docs/streams.md tells them apart.",
    )


async def check(access: StreamAccess) -> list[Finding]:
    """Try the stream out with these credentials before anything relies on it: the back end's own, then what all share.

    Everything is done in a place of its own that is removed again. Raises InvalidInputError as `connect` does.
    """
    from kyc.snapshot.probe import try_out  # noqa: PLC0415  # an agent never checks

    stream = connect(access)
    findings = await _check_own(access)
    if not any(finding.verdict is Verdict.BAD for finding in findings):
        try:
            findings += await try_out(stream, f"check-{secrets.token_hex(4)}")
        finally:
            await stream.close()
    return findings


async def _check_own(access: StreamAccess) -> list[Finding]:
    """Ask what only this kind of stream can be asked."""
    match urlsplit(access.url).scheme:
        case "kafka":
            from kyc.adapters.kafka.open import check as check_kafka  # noqa: PLC0415

            return await check_kafka(access)
        case "s3" | "gs" | "az":
            from kyc.adapters.objects.open import check as check_objects  # noqa: PLC0415

            return await check_objects(access)
        case "file":
            from kyc.adapters.directory.check import check_directory  # noqa: PLC0415
            from kyc.adapters.directory.stream import path_of  # noqa: PLC0415

            return await check_directory(path_of(access.url))
        case _:
            from kyc.adapters.nats.check import check_server  # noqa: PLC0415
            from kyc.adapters.nats.stream import address_of  # noqa: PLC0415

            return await check_server(address_of(access))


def shown(url: str) -> str:
    """Return the URL as people may see it: without who signs in, and with what."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
