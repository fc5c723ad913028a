"""The newest heartbeat of each instance, and who is connected: kept in memory, for they are worth nothing later."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from kyc.control.history import History
from kyc.domain.ids import InstanceId
from kyc.ports.clock import Clock
from kyc.wire.agent import Pulse

SAMPLES_KEPT = 120  # of an instance's CPU, one a second


@dataclass(slots=True)
class Pulses:
    """Who was heard when, by the monotonic clock; an instance never heard counts from the master's own start."""

    clock: Clock
    history: History = field(default_factory=History)
    _since_s: float = field(init=False)
    _heard_s: dict[InstanceId, float] = field(default_factory=dict)
    _newest: dict[InstanceId, Pulse] = field(default_factory=dict)
    _connected: set[InstanceId] = field(default_factory=set)
    _cpu: dict[InstanceId, deque[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._since_s = self.clock.monotonic_s()

    def heard(self, instance_id: InstanceId, pulse: Pulse | None = None) -> None:
        """Note that the agent was heard just now."""
        self._heard_s[instance_id] = self.clock.monotonic_s()
        if pulse is not None:
            self._newest[instance_id] = pulse
            self._cpu.setdefault(instance_id, deque(maxlen=SAMPLES_KEPT)).append(pulse.cpu)
            self.history.add(instance_id, pulse)

    def connected(self, instance_id: InstanceId, *, yes: bool) -> None:
        """Note that the agent's connection began or ended."""
        if yes:
            self._connected.add(instance_id)
        else:
            self._connected.discard(instance_id)
        self.heard(instance_id)

    def is_connected(self, instance_id: InstanceId) -> bool:
        """Say whether the agent's connection is open."""
        return instance_id in self._connected

    def silent_s(self, instance_id: InstanceId) -> float:
        """Return for how long nothing was heard."""
        return self.clock.monotonic_s() - self._heard_s.get(instance_id, self._since_s)

    def newest(self, instance_id: InstanceId) -> Pulse | None:
        """Return the last heartbeat, None before the first."""
        return self._newest.get(instance_id)

    def cpu_samples(self, instance_id: InstanceId) -> Sequence[float]:
        """Return the shares of the CPU that the last heartbeats told, newest last."""
        return self._cpu.get(instance_id, ())

    def forget(self, instance_id: InstanceId) -> None:
        """Drop all that is known of an instance that is over."""
        self._heard_s.pop(instance_id, None)
        self._newest.pop(instance_id, None)
        self._cpu.pop(instance_id, None)
        self._connected.discard(instance_id)
