"""The pure parts of the edges: HAProxy's commands for a change, the Python edge's choice, Envoy's documents."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from kyc.adapters.envoy import measure
from kyc.adapters.envoy.publish import Document
from kyc.adapters.envoy.resource import endpoints
from kyc.adapters.haproxy.config import Server, servers, service_section
from kyc.adapters.haproxy.edge import changes
from kyc.adapters.haproxy.runtime import Present
from kyc.adapters.pyedge.choice import Seat, choose
from kyc.domain.ids import InstanceId, ReplicaId, WorkloadName
from kyc.domain.service import Balance, Endpoint, EndpointState
from kyc.ports.edge import EdgeEndpoint, EdgeService

UP, DRAINING = EndpointState.UP, EndpointState.DRAINING


def place(
    number: int, *, on: int = 0, weight: int = 1, state: EndpointState = UP, host: str = "10.0.0.1"
) -> EdgeEndpoint:
    at = Endpoint(
        replica_id=ReplicaId(f"web.r{number}"),
        instance_id=InstanceId(f"i-{on or number}"),
        host=host,
        port=8000 + number,
        zone="a",
        weight=weight,
    )
    return EdgeEndpoint(endpoint=at, state=state)


def service(*places: EdgeEndpoint, balance: Balance = Balance.ROUND_ROBIN) -> EdgeService:
    return EdgeService(name=WorkloadName("web"), host="127.0.0.1", port=80, endpoints=places, balance=balance)


def present(weight: int = 1, *, left: bool = False) -> Present:
    return Present(weight=weight, in_maintenance=left)


def server(weight: int = 1) -> Server:
    return Server(weight=weight, address="10.0.0.1:1", options="check")


def test_haproxy_adds_before_it_takes_away() -> None:
    has = {"a": present(), "b": present(), "c": present(left=True), "d": present(2)}
    assert changes("web", has, {"b": server(), "d": server(0), "c": server(3), "e": server()}) == [
        "set server web/c weight 3",
        "set server web/c state ready",
        "add server web/e 10.0.0.1:1 weight 1 check",
        "enable health web/e",
        "enable server web/e",
        "set server web/d weight 0",
        "set server web/a state maint",
        "del server web/a",
    ]


def test_haproxy_deletes_again_what_had_something_in_flight_and_else_says_nothing() -> None:
    assert changes("web", {"a": present(left=True)}, {}) == ["del server web/a"]
    assert changes("web", {"a": present()}, {"a": server()}) == []


def test_haproxy_s_weights_fit_and_what_drains_weighs_nothing() -> None:
    made = servers(service(place(1, weight=1000), place(2, weight=1), place(3, weight=500, state=DRAINING)), None, None)
    assert [each.weight for each in made.values()] == [256, 1, 0]
    moved = servers(service(place(1, host="10.0.0.9")), None, None)
    assert not made.keys() & moved.keys(), "a replica that moved is another server"
    assert [each.address for each in servers(service(place(1, host="::1")), None, None).values()] == ["[::1]:8001"]


def test_haproxy_s_structure_does_not_depend_on_endpoints() -> None:
    assert service_section(service(place(1)), None) == service_section(service(), None)


def test_envoy_s_instances_weigh_what_is_up_on_them() -> None:
    places = [place(1, on=1, weight=2), place(2, on=1, weight=3, state=DRAINING), place(3, on=2, state=DRAINING)]
    found = endpoints(service(*places))["endpoints"]
    assert isinstance(found, list)
    assert [each.get("load_balancing_weight") for each in found] == [2, None]
    assert [each["locality"]["sub_zone"] for each in found] == ["i-1", "i-2"]
    compared = endpoints(service(*places, balance=Balance.LEAST_REQUEST))["endpoints"]
    assert isinstance(compared, list)
    assert len(compared) == 1


def test_envoy_s_version_is_of_the_content(tmp_path: Path) -> None:
    one, same = (Document.of(tmp_path, "cluster.web", [{"a": 1}]) for _ in range(2))
    assert one == same
    assert one.version != Document.of(tmp_path, "cluster.web", [{"a": 2}]).version
    assert json.loads(one.content) == {"version_info": one.version, "resources": [{"a": 1}]}


def test_envoy_s_percentile_is_none_where_nothing_was_answered() -> None:
    def times(value: float | None) -> dict[str, object]:
        values = [{"interval": None, "cumulative": 1}, {"interval": value, "cumulative": 9}]
        computed = [{"name": "http.web.downstream_rq_time", "values": values}]
        return {"stats": [{"histograms": {"supported_quantiles": [50, 95], "computed_quantiles": computed}}]}

    asked = [service()]
    assert measure.loads(asked, {}, times(12.5), "", {})[WorkloadName("web")].p95_ms == 12.5
    assert measure.loads(asked, {}, times(None), "", {})[WorkloadName("web")].p95_ms is None


def chosen(seats: list[Seat], balance: Balance, count: int, *, clients: int = 1) -> Counter[str]:
    found = [choose(seats, balance, client=str(n % clients), now_s=0) for n in range(count)]
    return Counter(each.place.endpoint.replica_id for each in found if each)


def test_python_takes_turns_by_weight() -> None:
    seats = [Seat(place(1, weight=3)), Seat(place(2)), Seat(place(3, state=DRAINING))]
    assert chosen(seats, Balance.ROUND_ROBIN, 40) == {"web.r1": 30, "web.r2": 10}


def test_python_spares_who_has_more_in_flight() -> None:
    seats = [Seat(place(1), in_flight=5), Seat(place(2)), Seat(place(3))]
    assert chosen(seats, Balance.LEAST_REQUEST, 10) == {"web.r2": 5, "web.r3": 5}


def test_python_moves_only_the_clients_of_who_is_gone() -> None:
    seats = [Seat(place(number)) for number in range(1, 5)]
    before = {n: choose(seats, Balance.STICKY, client=str(n), now_s=0) for n in range(200)}
    after = {n: choose(seats[:3], Balance.STICKY, client=str(n), now_s=0) for n in range(200)}
    assert all(after[n] is seat for n, seat in before.items() if seat is not seats[3])
    assert len({id(seat) for seat in after.values()}) == 3


def test_python_leaves_alone_who_refused_unless_nobody_else_is_there() -> None:
    bad, good = Seat(place(1)), Seat(place(2))
    for _ in range(3):
        bad.refused(0)
    assert choose([bad, good], Balance.ROUND_ROBIN, client="", now_s=1) is good
    assert choose([bad], Balance.ROUND_ROBIN, client="", now_s=1) is bad
    assert {choose([bad, good], Balance.ROUND_ROBIN, client="", now_s=3) for _ in range(2)} == {bad, good}
    assert choose([bad, good], Balance.ROUND_ROBIN, client="", now_s=3, tried={good}) is bad


@pytest.mark.parametrize("balance", list(Balance))
def test_python_chooses_nobody_where_nobody_is_up(balance: Balance) -> None:
    assert choose([Seat(place(1, state=DRAINING))], balance, client="", now_s=0) is None
