"""Who is reached by mutual TLS, from the store to the edge and to the agent; and that certificates are renewed."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from kyc.adapters.ca.authority import Authority
from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import START, FakeClock
from kyc.adapters.fake.edge import FakeEdge
from kyc.adapters.fake.store import FakeStore
from kyc.adapters.system.secrets import KeyFile
from kyc.control.context import Context
from kyc.control.link import Links
from kyc.control.pulse import Pulses
from kyc.control.routing import Routing
from kyc.control.trust import Passport
from kyc.domain.errors import UnreachableError
from kyc.domain.ids import DeploymentId, InstanceId, ReplicaId, WorkloadName
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.replica import Replica, ReplicaState
from kyc.domain.service import ScalingRule, Service, ServiceSpec, ServiceState, SignalKind, Target
from kyc.ports.edge import EdgeService
from kyc.wire.agent import Desire, read_from_master

NAME = WorkloadName("web")


class CountingEdge(FakeEdge):
    calls = 0

    async def apply(self, services: Sequence[EdgeService]) -> None:
        self.calls += 1
        await super().apply(services)


def instance(name: str, cloud: str) -> Instance:
    return Instance(
        id=InstanceId(name),
        name=name,
        deployment_id=DeploymentId(f"d-{name}"),
        offer=fake_offer(cloud=cloud),
        state=InstanceState.READY,
        requested_at=START,
        workload=NAME,
        address="127.0.0.1",
    )


def replica(number: int, on: str) -> Replica:
    return Replica(
        id=ReplicaId(f"{NAME}.r{number}"),
        workload=NAME,
        instance_id=InstanceId(on),
        state=ReplicaState.READY,
        created_at=START,
        port=20_000 + number,
    )


@pytest.fixture
async def context(tmp_path: Path) -> Context:
    rule = ScalingRule(min_replicas=2, max_replicas=2, targets=(Target(kind=SignalKind.REQUESTS, per_replica=100),))
    spec = ServiceSpec(name=NAME, run="serve", port=0, scaling=rule)
    service = Service(
        name=NAME, spec=spec, state=ServiceState.RUNNING, requested_at=START, edge_port=18_080, replicas=2
    )
    store = FakeStore()
    await store.save(service, instance("i-far", "aws"), instance("i-near", "local"))
    await store.save(replica(1, "i-far"), replica(2, "i-near"))
    return Context(
        store=store,
        clock=FakeClock(),
        rng=random.Random(1),
        clouds={},
        catalogs=[],
        provisioner=None,  # type: ignore[arg-type]  # nothing is bought
        stream_host=None,  # type: ignore[arg-type]  # services have no stream
        secrets=KeyFile(tmp_path / "key"),
        master_url="http://master",
    )


@pytest.fixture
def authority(context: Context, tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca", clock=context.clock)


async def test_the_edge_is_told_who_is_reached_by_mutual_tls(context: Context, authority: Authority) -> None:
    edge = CountingEdge()
    routing = Routing(context, Pulses(context.clock), edge, authority=authority)
    await routing.tick()
    told = edge.services[NAME]
    assert {each.endpoint.instance_id: each.plain for each in told.endpoints} == {"i-far": False, "i-near": True}
    assert (told.upstream_tls, told.upstream_ca) == (authority.for_edge(), authority.certificate)

    calls = edge.calls
    await routing.tick()
    assert edge.calls == calls
    chain = authority.for_edge().chain
    os.utime(chain, ns=(1, 1))  # another one in the same file
    await routing.tick()
    assert edge.calls == calls + 1


async def test_on_this_machine_nothing_is_secured(context: Context, authority: Authority) -> None:
    far = await context.store.instance(InstanceId("i-far"))
    assert far is not None
    await context.store.save(far.to(InstanceState.LOST))
    edge = FakeEdge()
    await Routing(context, Pulses(context.clock), edge, authority=authority).tick()
    assert edge.services[NAME].upstream_tls is None


@pytest.mark.parametrize(("name", "secured"), [("i-far", True), ("i-near", False)])
async def test_an_agent_elsewhere_gets_its_certificate_with_its_replicas(
    context: Context, authority: Authority, name: str, secured: bool
) -> None:
    sent: asyncio.Queue[str] = asyncio.Queue()
    closed = asyncio.Event()

    async def receive() -> str:
        await closed.wait()
        raise UnreachableError("closed", next_step="")

    known = await context.store.instance(InstanceId(name))
    assert known is not None
    links = Links(context, Pulses(context.clock), authority=authority)
    serving = asyncio.create_task(links.serve(known, receive, sent.put))
    async with asyncio.timeout(60):
        desire = read_from_master(await sent.get())
    assert isinstance(desire, Desire)
    assert len(desire.replicas) == 1
    assert (desire.identity is not None) == secured
    if desire.identity is not None:
        made = x509.load_pem_x509_certificate(desire.identity.chain.encode())
        names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["i-far.instance.kyc.internal"]
        assert desire.identity.authority == authority.certificate.read_text()
    serving.cancel()
    await asyncio.wait([serving])


async def test_a_certificate_is_made_anew_before_it_ends(context: Context, authority: Authority) -> None:
    clock = FakeClock()
    passport = Passport(authority, instance("i-far", "aws"), clock)
    first = passport.identity()
    await clock.advance(timedelta(days=19).total_seconds())
    assert passport.identity() is first
    await clock.advance(timedelta(days=2).total_seconds())
    assert passport.identity() not in (first, None)
