"""Which stream back end a URL means, and how each is checked: the one table, for the master's wiring and the agent's.

Back ends are imported when they are asked for: an agent loads the one it uses and no other.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from kyc.domain.errors import InvalidInputError, KycError
from kyc.domain.finding import Finding, Verdict
from kyc.domain.snapshot import StreamAccess
from kyc.ports.stream import Stream

SCHEMES = ("nats", "tls", "kafka", "s3", "gs", "az", "file")
_LESS = {  # how workloads that may not trust each other are kept apart where agents share a credential
    "nats": "Give an account's seed (SA…) as the token, of a server in operator mode: agents then get their own.",
    "tls": "Give an account's seed (SA…) as the token, of a server in operator mode: agents then get their own.",
    "kafka": "Or give each group of workloads a master, with a prefix and a user of its own, and ACLs on the prefix.",
    "file": "Give each group of workloads a folder of its own, and its instances that folder only.",
    "objects": "Give each group of workloads a master and a policy on its prefix, and keep versions of objects.",
}
_NARROWED_LASTS = timedelta(days=7)


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


async def narrow(access: StreamAccess, workload: str, *, now: datetime) -> StreamAccess:
    """Return what an agent of one workload gets of a master's access: less than that where the back end can.

    A NATS account's seed, and a Kafka user that may make others, make a credential for the workload alone, for a week.
    Anything else is handed on as it is. Raises UnreachableError and CredentialError, of Kafka.
    """
    issued, lasts_s = int(now.timestamp()), int(_NARROWED_LASTS.total_seconds())
    if urlsplit(access.url).scheme == "kafka":
        from kyc.adapters.kafka.open import narrow as narrow_kafka  # noqa: PLC0415

        return await narrow_kafka(access, workload, issued=issued, lasts_s=lasts_s)
    if not _signs_users(access):
        return replace(access, workload=workload)
    from kyc.adapters.nats.nkey import Key  # noqa: PLC0415
    from kyc.adapters.nats.user import agent_token  # noqa: PLC0415

    token = agent_token(Key.from_seed(access.token), workload, issued=issued, expires=issued + lasts_s)
    return replace(access, workload=workload, token=token, lasts_s=lasts_s)


def _signs_users(access: StreamAccess) -> bool:
    """Say whether this access can sign credentials for a NATS server that takes them."""
    return urlsplit(access.url).scheme in {"nats", "tls"} and access.token.startswith("SA")


async def check(access: StreamAccess) -> list[Finding]:
    """Try the stream out with these credentials before anything relies on it: the back end's own, then what all share.

    Everything is done in a place of its own that is removed again. Raises InvalidInputError as `connect` does.
    """
    from kyc.snapshot.probe import try_out  # noqa: PLC0415  # an agent never checks

    stream = connect(access)
    findings = await _check_own(access)
    if any(finding.verdict is not Verdict.BAD for finding in findings):
        findings.append(await _agents(access))
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


async def _agents(access: StreamAccess) -> Finding:
    """Say what an agent would hold."""
    try:
        shared = await _why_shared(access)
    except KycError as error:
        return Finding(subject="agents", verdict=Verdict.BAD, text=str(error), next_step=error.next_step)
    if shared is None:
        text = "each agent gets a credential of its own, for its workload alone, which expires"
        return Finding(subject="agents", verdict=Verdict.GOOD, text=text)
    folder = urlsplit(access.url).scheme == "file"
    same = "every agent may write in the whole folder" if folder else "every agent gets this very credential"
    text = f"{same}: it cannot read other workloads' files, but could delete them"
    why, step = shared
    return Finding(subject="agents", verdict=Verdict.WARNING, text=text + (why and f" ({why})"), next_step=step)


async def _why_shared(access: StreamAccess) -> tuple[str, str] | None:
    """Say why agents would share this access, if more is known than what it is, and what to do; None if they do not."""
    scheme = urlsplit(access.url).scheme
    step = _LESS.get(scheme, _LESS["objects"])
    if scheme == "kafka":
        from kyc.adapters.kafka.open import why_shared  # noqa: PLC0415

        reason = await why_shared(access)
        return None if reason is None else (str(reason), f"{reason.next_step} {step}")
    return None if _signs_users(access) else ("", step)


def shown(url: str) -> str:
    """Return the URL as people may see it: without who signs in, and with what."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
