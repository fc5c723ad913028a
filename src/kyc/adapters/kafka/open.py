"""The factory: a stream on Kafka from a URL and a token, its check, and what agents get, if the library is there."""

from __future__ import annotations

import logging
from dataclasses import replace

from kyc.adapters.kafka.address import address_of
from kyc.domain.errors import CredentialError, InvalidInputError
from kyc.domain.finding import Finding
from kyc.domain.snapshot import StreamAccess
from kyc.ports.stream import Stream

log = logging.getLogger(__name__)


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


async def narrow(access: StreamAccess, workload: str, *, issued: int, lasts_s: int) -> StreamAccess:
    """Return what an agent gets of a master's access: a user of its own where the cluster allows it, else all of it.

    Raises CredentialError where the URL asks for `agents=own` and that cannot be had.
    """
    from kyc.adapters.kafka.user import CannotGrantError, own_access  # noqa: PLC0415  # loads librdkafka

    wish = address_of(access).agents
    if wish != "shared":
        try:
            return await own_access(access, workload, issued=issued, lasts_s=lasts_s)
        except CannotGrantError as why:
            if wish == "own":
                raise
            log.warning("agent_shares_the_masters_user", extra={"workload": workload, "why": str(why)})
    return replace(access, workload=workload)


async def why_shared(access: StreamAccess) -> CredentialError | None:
    """Say why agents would share this access; None if each would get a user of its own. Raises as `narrow` does."""
    from kyc.adapters.kafka.user import CannotGrantError, try_own  # noqa: PLC0415  # loads librdkafka

    wish = address_of(access).agents
    if wish == "shared":
        return CredentialError("the URL says so", next_step="Take agents=shared out of the URL.")
    try:
        await try_own(access)
    except CannotGrantError as why:
        if wish == "own":
            raise
        return why
    return None


def _not_installed(missing: ModuleNotFoundError) -> InvalidInputError:
    return InvalidInputError(
        f"a kafka:// stream needs {missing.name}, which is not installed",
        next_step="pip install 'keep-your-cost[kafka]'",
    )
