"""Whether an instance is still there: what its cloud says, and for how long its agent has said nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from kyc.domain.instance import Instance, InstanceState

_S = InstanceState
EXPECTED = frozenset({_S.BOOTING, _S.READY, _S.NOTICED, _S.DRAINING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long silence is borne. A cloud that forgets an instance is believed after `unlisted`."""

    suspect: timedelta = timedelta(seconds=5)
    silence: timedelta = timedelta(seconds=10)
    boot: timedelta = timedelta(minutes=10)
    unlisted: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What the cloud says of an instance: it runs, or how it ended."""

    running: bool
    end_reason: str = ""


def lost_because(
    instance: Instance, sighting: Sighting | None, *, silent: timedelta, now: datetime, patience: Patience
) -> str | None:
    """Return why the instance must be taken for lost, None as long as it need not. `sighting` None: not listed."""
    if instance.state not in EXPECTED:
        return None
    if sighting is not None and not sighting.running:
        return f"the cloud ended it: {sighting.end_reason}" if sighting.end_reason else "the cloud ended it"
    if sighting is None and silent > patience.unlisted:
        return "the cloud does not list it any more"
    if instance.state is _S.BOOTING:
        waited = now - (instance.started_at or instance.requested_at)
        return f"no agent came within {patience.boot.total_seconds():.0f} s" if waited > patience.boot else None
    if silent > patience.silence:
        return f"no heartbeat for {silent.total_seconds():.0f} s"
    return None
