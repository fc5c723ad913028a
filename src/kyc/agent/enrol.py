"""How an agent becomes known to its master: it picks a secret, and trades the one-time token for its acceptance."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

import msgspec

from kyc.agent.backoff import Uniform, wait_s
from kyc.agent.fetch import post_json
from kyc.agent.settings import Settings
from kyc.domain.errors import KycError
from kyc.ports.clock import Clock
from kyc.wire.agent import Enrolment

log = logging.getLogger(__name__)
_SECRET_BYTES = 32


def own_secret(folder: Path) -> str:
    """Return the agent's secret; make it, in a file of mode 0600, the first time.

    It is on disk before anybody hears of it: after a lost reply, or a kill, the same secret is told again.
    """
    path = folder / "secret"
    if path.exists() and (known := path.read_text().strip()):
        return known
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    beside = folder / "secret.new"
    beside.unlink(missing_ok=True)
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w") as opened:
        opened.write(secret)
        opened.flush()
        os.fsync(opened.fileno())
    beside.rename(path)
    return secret


async def enrol(settings: Settings, secret: str, *, clock: Clock, rng: Uniform) -> None:
    """Return once the master has accepted the secret; try again for ever, since the master may be away or be restored.

    A refusal is tried again too: an instance that nobody wants is removed from outside, not by itself.
    """
    url = f"{settings.master_url}/api/v1/agents/{settings.instance_id}/enrol"
    body = msgspec.json.encode(Enrolment(token=settings.enrol_token, secret=secret))
    failures = 0
    while True:
        try:
            await post_json(url, body)
        except KycError as error:
            failures += 1
            log.warning("enrol_failed", extra={"reason": str(error), "next_step": error.next_step})
            await clock.sleep_s(wait_s(failures, rng))
        else:
            log.info("enrolled", extra={"failures": failures})
            return
