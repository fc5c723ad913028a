"""What only NATS can be asked before anything relies on it: JetStream, its limits, and where it keeps what it has."""

from __future__ import annotations

import msgspec

from kyc.adapters.nats.address import Address
from kyc.adapters.nats.connection import Connection
from kyc.adapters.nats.layout import MAX_MESSAGE_BYTES
from kyc.adapters.nats.link import Link
from kyc.domain.errors import KycError
from kyc.domain.finding import Finding, Verdict

_TIMEOUT_S = 10
_ROOM_BYTES = 1 << 30


class _Limits(msgspec.Struct):
    max_storage: int = -1
    max_streams: int = -1


class _Account(msgspec.Struct):
    storage: int = 0
    streams: int = 0
    limits: _Limits = msgspec.field(default_factory=_Limits)


async def check_server(address: Address) -> list[Finding]:
    """Reach the server and read its limits; what fails is a finding."""
    try:
        connection = await Connection.open(address, timeout_s=_TIMEOUT_S)
    except KycError as error:
        return [Finding(subject="reach", verdict=Verdict.BAD, text=str(error), next_step=error.next_step)]
    version, payload = await connection.server()
    await connection.close()
    findings = [_good("reach", f"nats-server {version} answers at {address.host}:{address.port}"), _payload(payload)]
    link = Link(address, timeout_s=_TIMEOUT_S)
    try:
        findings.append(_storage(await link.call("INFO", {}, _Account)))
    except KycError as error:
        text = f"JetStream cannot be used: {error}"
        findings.append(Finding(subject="storage", verdict=Verdict.BAD, text=text, next_step=error.next_step))
    finally:
        await link.close()
    return findings


def _payload(limit: int) -> Finding:
    if limit >= MAX_MESSAGE_BYTES:
        return _good("limits", f"messages of {limit} bytes are allowed")
    step = f"Set max_payload to {MAX_MESSAGE_BYTES} or more."
    return Finding(subject="limits", verdict=Verdict.BAD, text=f"messages may have {limit} bytes only", next_step=step)


def _storage(account: _Account) -> Finding:
    limits = account.limits
    if 0 <= limits.max_streams < account.streams + 2:
        text = f"the account may have {limits.max_streams} streams, and has {account.streams}; a workload needs two"
        return Finding(subject="storage", verdict=Verdict.BAD, text=text, next_step="Raise the account's limit.")
    if limits.max_storage < 0:
        return _good("storage", f"{account.storage} bytes are stored, without a limit of the account")
    left = limits.max_storage - account.storage
    text = f"the account has room for {left} more bytes"
    if left < _ROOM_BYTES:
        return Finding(subject="storage", verdict=Verdict.WARNING, text=text, next_step="Raise the account's limit.")
    return _good("storage", text)


def _good(subject: str, text: str) -> Finding:
    return Finding(subject=subject, verdict=Verdict.GOOD, text=text)
