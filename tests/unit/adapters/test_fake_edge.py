"""The fake edge behaves as ports.edge says where the contract suite, which needs a network, cannot ask it."""

from __future__ import annotations

import pytest

from kyc.adapters.fake.edge import FakeEdge
from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.domain.ids import InstanceId, ReplicaId, WorkloadName
from kyc.domain.service import Balance, Endpoint, EndpointState
from kyc.ports.edge import EdgeEndpoint, EdgeService

NAME = WorkloadName("web")


def endpoint(number: int, *, weight: int = 1, state: EndpointState = EndpointState.UP) -> EdgeEndpoint:
    made = Endpoint(
        replica_id=ReplicaId(f"web.r{number}"),
        instance_id=InstanceId(f"i-{number}"),
        host="127.0.0.1",
        port=8000 + number,
        weight=weight,
    )
    return EdgeEndpoint(endpoint=made, state=state)


def service(*endpoints: EdgeEndpoint, port: int = 80, balance: Balance = Balance.LEAST_REQUEST) -> EdgeService:
    return EdgeService(name=NAME, host="127.0.0.1", port=port, endpoints=endpoints, balance=balance)


async def test_it_runs_only_when_it_was_started_and_keeps_what_was_applied() -> None:
    edge = FakeEdge()
    with pytest.raises(UnreachableError):
        await edge.apply([])
    assert [await edge.ensure(), await edge.ensure()] == [True, False]
    for _ in range(2):
        await edge.apply([service(endpoint(1))])
    edge.kill()
    assert await edge.ensure()
    assert len(edge.applied) == 1
    assert (await edge.load())[NAME].requests == 0


async def test_requests_follow_weights_and_avoid_what_drains() -> None:
    edge = FakeEdge()
    await edge.ensure()
    await edge.apply([service(endpoint(1, weight=3), endpoint(2), endpoint(3, state=EndpointState.DRAINING))])
    chosen = [edge.route(NAME) for _ in range(40)]
    counts = {n: sum(1 for one in chosen if one and one.replica_id == f"web.r{n}") for n in (1, 2, 3)}
    assert counts == {1: 30, 2: 10, 3: 0}
    await edge.apply([service()])
    assert edge.route(NAME) is None


async def test_a_sticky_client_stays_and_clients_spread() -> None:
    edge = FakeEdge()
    await edge.ensure()
    await edge.apply([service(endpoint(1), endpoint(2), balance=Balance.STICKY)])
    chosen = {client: edge.route(NAME, client=client) for client in map(str, range(20))}
    assert all(edge.route(NAME, client=client) == found for client, found in chosen.items())
    assert len(set(chosen.values())) == 2


async def test_a_taken_port_is_an_error_and_the_others_are_applied() -> None:
    edge = FakeEdge()
    await edge.ensure()
    edge.taken.add(81)
    other = EdgeService(name=WorkloadName("other"), host="127.0.0.1", port=81)
    with pytest.raises(InvalidInputError, match="81"):
        await edge.apply([service(endpoint(1)), other])
    assert set(edge.services) == {NAME}
