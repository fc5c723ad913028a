"""What the agents measured of late, by instance: kept in memory and in little room; a restart begins anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kyc.domain.ids import InstanceId
from kyc.planning.series import Sample, Series
from kyc.wire.agent import Pulse

_KEPT = timedelta(hours=24)
_MOST = 2000


@dataclass(slots=True)
class History:
    """The series of every instance that was heard in the last day, `_MOST` of them at most."""

    _series: dict[InstanceId, Series] = field(default_factory=dict)

    def add(self, instance_id: InstanceId, pulse: Pulse) -> None:
        """Take a heartbeat."""
        series = self._series.get(instance_id)
        if series is None:
            self._make_room(pulse.at)
            series = self._series[instance_id] = Series()
        series.add(
            Sample(
                at=pulse.at,
                cpu=pulse.cpu,
                memory=pulse.memory,
                disk=pulse.disk,
                gpu=pulse.gpu,
                dirty_bytes=pulse.dirty_bytes,
            )
        )

    def points(self, instance_id: InstanceId, since: datetime, *, step: timedelta) -> list[Sample]:
        """Return what was measured since, oldest first; nothing for an instance that was never heard."""
        series = self._series.get(instance_id)
        return [] if series is None else series.points(since, step=step)

    def _make_room(self, now: datetime) -> None:
        old = [key for key, series in self._series.items() if (series.newest_at or now) < now - _KEPT]
        silent = sorted(self._series, key=lambda key: self._series[key].newest_at or now)
        for key in {*old, *silent[: max(0, len(silent) + 1 - _MOST)]}:
            del self._series[key]
