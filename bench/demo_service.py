"""`make demo-service`: a service follows its users from 1 to 20 and back, loses two instances, and fails no request."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.stage import StageError, all_events, stage, wait_for
from kyc import Client
from kyc.domain.errors import KycError
from kyc.wire.api import ServiceDetail, TrafficPoint

SERVICE = Path(__file__).parents[1] / "examples" / "web" / "service.yaml"
MOST_USERS, PER_REPLICA = 20, 2
RAMP_UP_S, AT_TOP_S, RAMP_DOWN_S, COOL_S = 38.0, 26.0, 22.0, 60.0
WORK_MS = 500
NOTICE_S = 12.0
INTERRUPT_AT_S = (6.0, 16.0)  # after the top is reached
TELL_EVERY_S = 2.0


@dataclass(slots=True)
class Users:
    """Users that work without a pause, each on a connection of its own; `number` of them at a time."""

    url: str
    requests: int = 0
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[tuple[threading.Thread, threading.Event]] = field(default_factory=list)

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self._threads)

    def become(self, number: int) -> None:
        """Let users come or go."""
        while len(self._threads) < number:
            leave = threading.Event()
            thread = threading.Thread(target=self._work, args=(leave,), daemon=True)
            thread.start()
            self._threads.append((thread, leave))
        gone = self._threads[number:]
        del self._threads[number:]
        for _, leave in gone:
            leave.set()

    def _work(self, leave: threading.Event) -> None:
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        while not leave.is_set():
            failure = self._ask(connection)
            with self._lock:
                self.requests += 1
                if failure:
                    self.failures.append(failure)
            if failure:
                leave.wait(0.2)
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> str:
        try:
            connection.request("GET", f"/work?ms={WORK_MS}")
            reply = connection.getresponse()
            reply.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return f"{type(error).__name__}: {error}"
        return "" if reply.status == 200 else f"status {reply.status}"


def main() -> int:
    """Run the demonstration; the last line printed is its result as JSON."""
    try:
        result = demonstrate()
    except (StageError, KycError) as error:
        print(f"the demonstration could not run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; everything that it started has ended", file=sys.stderr)
        return 130
    print(json.dumps(result))
    return 0 if result["failed"] == 0 else 1


def demonstrate() -> dict[str, object]:
    """Serve, load, interrupt, cool down, stop; return the figures."""
    say("Starting a master with a cloud of its own on this machine, and an edge ...")
    with stage() as (client, _):
        plan = client.serve(SERVICE)
        assert plan.row is not None
        name = plan.name
        row = wait_for("the first replica", lambda: _answering(client, name), timeout_s=60).row
        say(f"{name} answers at {row.url}. Users come, one by one, up to {MOST_USERS}; each fills half a replica.")
        users = Users(row.url)
        try:
            scale_up_s = ramp(client, name, users)
        finally:
            users.become(0)
        detail = cool(client, name)
        points = client.traffic(name)
        chart(points)
        events = all_events(client)
        drains = [value for event in events for value in _drain_ms(event.data)]
        tell_failures(users)
        say("Stopping the service; everything ends.")
        client.stop(name)
        client.wait(name, timeout_s=60)
        return {
            "requests": users.requests,
            "failed": len(users.failures),
            "max_replicas": max(point.replicas_ready for point in points),
            "max_instances": max(point.instances for point in points),
            "scale_up_s": scale_up_s,
            "drain_ms_max": max(drains) if drains else None,
            "end_instances": detail.row.instances,
            "interrupted": sum(event.kind == "instance.noticed" for event in events),
            "why_scale_up_s": None if scale_up_s is not None else "as many replicas as the users fill were never ready",
        }


def ramp(client: Client, name: str, users: Users) -> float | None:
    """Let users come, interrupt two instances at the top, let them go; return how long the last replicas took."""
    begun, told = time.monotonic(), 0.0
    top_at = begun + RAMP_UP_S
    enough_at: float | None = None
    to_interrupt = list(INTERRUPT_AT_S)
    while (now := time.monotonic()) < top_at + AT_TOP_S + RAMP_DOWN_S:
        users.become(users_at(now - begun))
        detail = client.service(name)
        if now >= top_at and enough_at is None and detail.row.replicas_ready >= MOST_USERS // PER_REPLICA:
            enough_at = time.monotonic()
        if to_interrupt and now >= top_at + to_interrupt[0]:
            to_interrupt.pop(0)
            interrupt_one(client, detail)
        if now - told >= TELL_EVERY_S:
            told = now
            tell(now - begun, users, detail)
        time.sleep(0.25)
    return None if enough_at is None else round(enough_at - top_at, 2)


def users_at(elapsed_s: float) -> int:
    """Return how many users there are so long after the start: up in a line, a plateau, down in a line."""
    if elapsed_s < RAMP_UP_S:
        return 1 + int((MOST_USERS - 1) * elapsed_s / RAMP_UP_S)
    if elapsed_s < RAMP_UP_S + AT_TOP_S:
        return MOST_USERS
    left = 1 - (elapsed_s - RAMP_UP_S - AT_TOP_S) / RAMP_DOWN_S
    return max(0, int(MOST_USERS * left))


def interrupt_one(client: Client, detail: ServiceDetail) -> None:
    """Have the provider take away the instance with the most ready replicas."""
    ready = [row for row in detail.instances if row.instance.state == "ready"]
    victim = max(ready, key=lambda row: sum(replica.state == "ready" for replica in row.replicas)).instance
    say(f"Interrupting {victim.id} with a notice of {NOTICE_S:g} s, under full load")
    client.interrupt(victim.id, notice_s=NOTICE_S)


def cool(client: Client, name: str) -> ServiceDetail:
    """Wait until the service has given back what it does not need; return how it is then."""
    say("No users any more: replicas and instances are given back.")
    end = time.monotonic() + COOL_S
    while True:
        detail = client.service(name)
        settled = detail.row.instances <= 1 and detail.row.replicas <= 1
        if settled or time.monotonic() > end:
            return detail
        time.sleep(0.5)


def tell(elapsed_s: float, users: Users, detail: ServiceDetail) -> None:
    """Print one line of how it is."""
    row = detail.row
    replicas = " ".join(
        "".join({"ready": "█", "draining": "▒"}.get(replica.state, "░") for replica in instance.replicas) or "·"
        for instance in detail.instances
    )
    rate = "" if row.requests_per_s is None else f"{row.requests_per_s:5.1f} requests/s"
    print(
        f"{elapsed_s:5.0f} s  {users.number:2d} users {'●' * users.number:<{MOST_USERS}}  {rate:<16}  "
        f"{row.replicas_ready:2d} replicas on {row.instances_ready} instances  [{replicas}]"
        f"{f'  FAILED {len(users.failures)}' if users.failures else ''}",
        flush=True,
    )


def chart(points: list[TrafficPoint]) -> None:
    """Print what was asked for and what there was, over time."""
    width = 72
    picked = [points[int(at * len(points) / width)] for at in range(width)] if len(points) > width else points
    say("demand in replicas (●), ready replicas (█), instances (bottom line):")
    highest = max(1, *(max(point.replicas_ready, round(point.demand or 0)) for point in picked))
    for level in range(highest, 0, -1):
        line = "".join(_mark(point, level) for point in picked)
        print(f"{level:3d} │{line}")
    print("    └" + "─" * len(picked))
    print("     " + "".join(str(point.instances) if point.instances < 10 else "+" for point in picked), flush=True)


def _mark(point: TrafficPoint, level: int) -> str:
    asked = point.demand is not None and round(point.demand) == level
    if asked:
        return "●"
    return "█" if point.replicas_ready >= level else " "


def tell_failures(users: Users) -> None:
    """Print why requests failed, if any did."""
    for failure in sorted(set(users.failures)):
        print(f"failed {users.failures.count(failure)}x: {failure}")


def _answering(client: Client, name: str) -> ServiceDetail | None:
    detail = client.service(name)
    return detail if detail.row.replicas_ready > 0 and detail.row.state == "running" else None


def _drain_ms(data: dict[str, object]) -> list[float]:
    found = data.get("after_notice_ms")
    return [float(value) for value in found.values()] if isinstance(found, dict) else []


def say(text: str) -> None:
    """Print a line of our own between the others."""
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
