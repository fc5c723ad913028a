"""Mutual TLS between the edge and instances on other networks: who gets a certificate, which endpoints are reached so.

What runs on this machine shares its network with the edge, and is reached as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance
from kyc.planning.egress import THIS_MACHINE
from kyc.ports.authority import Authority, Issued
from kyc.ports.clock import Clock
from kyc.ports.edge import EdgeService
from kyc.wire.replica import Identity

RENEW_BEFORE = timedelta(days=10)


def is_elsewhere(instance: Instance) -> bool:
    """Whether the way from the edge to the instance is not to be trusted."""
    return instance.offer.cloud != THIS_MACHINE.cloud


@dataclass(slots=True)
class Passport:
    """The certificate of one instance while its agent is connected: made when it is first needed, and before it ends.

    `authority` None: nobody makes any, and every network is trusted.
    """

    authority: Authority | None
    instance: Instance
    clock: Clock
    _issued: Issued | None = field(default=None, init=False)
    _identity: Identity | None = field(default=None, init=False)

    def identity(self) -> Identity | None:
        """Return what the instance shows to the edge now; None where it is reached as it is."""
        if self.authority is None or not is_elsewhere(self.instance):
            return None
        if self._issued is None or self.clock.now() > self._issued.expires_at - RENEW_BEFORE:
            made = self._issued = self.authority.for_instance(self.instance.id)
            self._identity = Identity(chain=made.chain, key=made.key, authority=self.authority.certificate.read_text())
        return self._identity


def secured(service: EdgeService, instances: Mapping[InstanceId, Instance], authority: Authority | None) -> EdgeService:
    """Return the service with mutual TLS to those of its endpoints that are on instances elsewhere."""
    if authority is None:
        return service
    places = tuple(
        replace(each, plain=not is_elsewhere(instances[each.endpoint.instance_id])) for each in service.endpoints
    )
    if all(each.plain for each in places):
        return service
    return replace(service, endpoints=places, upstream_tls=authority.for_edge(), upstream_ca=authority.certificate)
