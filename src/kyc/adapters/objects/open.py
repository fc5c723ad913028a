"""The factory: a stream in a bucket from a URL and a token, and its check, if the library for it is installed."""

from __future__ import annotations

from kyc.adapters.objects.address import address_of
from kyc.domain.errors import InvalidInputError
from kyc.domain.finding import Finding
from kyc.domain.snapshot import StreamAccess
from kyc.ports.stream import Stream


def open_stream(access: StreamAccess) -> Stream:
    """Return the stream; it connects at the first call. InvalidInputError for a URL that makes no sense."""
    try:
        from kyc.adapters.objects.stream import ObjectsStream  # noqa: PLC0415  # loads obstore, which is an extra
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from missing
    return ObjectsStream(address_of(access))


async def check(access: StreamAccess) -> list[Finding]:
    """Try the bucket out with these credentials, in a place that is removed again. Raises as `open_stream` does."""
    try:
        from kyc.adapters.objects.check import check_bucket  # noqa: PLC0415  # loads obstore, which is an extra
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from missing
    return await check_bucket(address_of(access))


def _not_installed(missing: ModuleNotFoundError) -> InvalidInputError:
    return InvalidInputError(
        f"a stream in an object store needs {missing.name}, which is not installed",
        next_step="pip install 'keep-your-cost[objects]'",
    )
