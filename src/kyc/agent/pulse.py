"""The heartbeat: how busy the instance is, and how much of its work is not yet safe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kyc.agent.load import Gauge, Gpu, disk_share
from kyc.agent.replicas import Replicas
from kyc.agent.supervise import Supervisor
from kyc.ports.clock import Clock
from kyc.wire.agent import Pulse


class Heart:
    """Makes pulses from the gauges and from what the supervisors do."""

    def __init__(  # one for each part of a pulse
        self, supervisor: Supervisor, replicas: Replicas, gauge: Gauge, gpu: Gpu, *, root: Path, clock: Clock
    ) -> None:
        self._supervisor = supervisor
        self._replicas = replicas
        self._gauge = gauge
        self._gpu = gpu
        self._root = root
        self._clock = clock

    def pulse(self) -> Pulse:
        """Return the pulse of now; a figure the kernel does not give is 0."""
        now_s = self._clock.monotonic_s()
        unsafe = self._supervisor.replication
        return Pulse(
            at=self._clock.now(),
            cpu=_or_zero(lambda: self._gauge.cpu(now_s)),
            memory=_or_zero(self._gauge.memory),
            disk=_or_zero(lambda: disk_share(self._root)),
            gpu=self._gpu.share,
            attempt=self._supervisor.attempt,
            dirty_bytes=None if unsafe is None else unsafe.dirty_bytes,
            dirty_since=None if unsafe is None else unsafe.dirty_since,
            flush_estimate_s=None if unsafe is None else unsafe.flush_estimate_s,
            replicas=self._replicas.loads(),
        )


def _or_zero(read: Callable[[], float]) -> float:
    try:
        return round(read(), 4)
    except (OSError, ValueError, KeyError, IndexError):
        return 0.0
