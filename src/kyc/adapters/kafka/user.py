"""SCRAM users of agents: one for each grant, with rights to one workload's place and nothing else.

A user's name says whose it is and until when, `<prefix>.<workload>.<expires>.<number>`, and a rule for a group of that
name is made before the user and removed after it: by those rules users are found, and nothing has to be kept of them.
(librdkafka 2.16 aborts the process when a broker refuses to list SCRAM users.) Kafka lets no user expire, so those
whose time is over are removed when the next one is made.

What the cluster makes of a user is tried: before it has a right to the place it must be let in and refused, and then
not refused. Otherwise its rights would say nothing, or the first rule for a topic would shut out whoever has none.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, but not by name
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from kyc.adapters.kafka.address import Address, address_of, signed_in
from kyc.adapters.kafka.cluster import Cluster
from kyc.adapters.kafka.layout import Place
from kyc.adapters.kafka.trouble import NO_TOPIC, translate
from kyc.domain.errors import CredentialError, KycError, NotFoundError
from kyc.domain.snapshot import StreamAccess

T = TypeVar("T")
_ITERATIONS = 4096  # the least that brokers take: a password of 256 random bits needs no stretching
_LOOK_S = 0.05  # brokers learn of users and rights a moment after they are made
_PROBE_LASTS_S = 600
_ANY: Any = None  # as the library means it, though its types do not say so
_TOPIC, _LITERAL = ResourceType.TOPIC, ResourcePatternType.LITERAL
_READ, _WRITE = AclOperation.READ, AclOperation.WRITE
_MECHANISMS = {
    "SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256,
    "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512,
}
_NO_API = ("the cluster does not make SCRAM users for its clients", "Apache Kafka does since 2.7.")
_WHY_NOT = {
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: (
        "this user may not make users and rights",
        "Grant it Alter on the cluster: kafka-acls.sh --add --allow-principal User:… --cluster --operation Alter.",
    ),
    KafkaError.SECURITY_DISABLED: (
        "the cluster has no authorizer, so everybody may do everything",
        "Set authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer on all nodes.",
    ),
    KafkaError.UNSUPPORTED_VERSION: _NO_API,
    KafkaError._UNSUPPORTED_FEATURE: _NO_API,
}


class CannotGrantError(CredentialError):
    """This cluster, or our rights in it, do not allow for agents' own users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An agent's user; `expires` in seconds since 1970."""

    name: str
    workload: str
    expires: int


def user_of(principal: str, prefix: str) -> User | None:
    """Return the agent's user that a principal is; None for whoever else."""
    found = re.fullmatch(rf"User:({re.escape(prefix)}\.([A-Za-z0-9_-]+)\.(\d+)\.[0-9a-f]+)", principal)
    return found and User(name=found[1], workload=found[2], expires=int(found[3]))


async def own_access(access: StreamAccess, workload: str, *, issued: int, lasts_s: int) -> StreamAccess:
    """Return a master's access with a user made for an agent of the workload. Raises CannotGrantError."""
    cluster = Cluster(address_of(access))
    try:
        users = Users(cluster)
        await users.remove(lambda user: user.expires <= issued)
        place = Place(cluster.address.prefix, workload)
        name, password = await users.make(place, expires=issued + lasts_s)
    finally:
        await cluster.close()
    return replace(signed_in(access, name, password), workload=workload, lasts_s=lasts_s)


async def try_own(access: StreamAccess) -> None:
    """Make such a user for a place that is not there, and remove it. Raises CannotGrantError."""
    cluster, probe = Cluster(address_of(access)), f"check-{secrets.token_hex(4)}"
    try:
        users = Users(cluster)
        await users.make(Place(cluster.address.prefix, probe), expires=int(time.time()) + _PROBE_LASTS_S)
        await users.remove(lambda user: user.workload == probe)
    finally:
        await cluster.close()


class Users:
    """The agents' users under a prefix, as whoever may `Alter` the cluster makes and removes them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def make(self, place: Place, *, expires: int) -> tuple[str, str]:
        """Make a user for the place, and return its name and password. Raises CannotGrantError."""
        user = f"{place.transactional_id}.{expires}.{secrets.token_hex(6)}"
        password, mechanism = secrets.token_urlsafe(32), self._mechanism()
        credential = UserScramCredentialUpsertion(user, ScramCredentialInfo(mechanism, _ITERATIONS), password.encode())
        await self._allow([_mark(user)])
        try:
            await self._ask(self._cluster.admin.alter_user_scram_credentials([credential])[user], "making a user")
            await self._let_in(user, password, place)
        except BaseException:
            with suppress(KycError):  # what stays goes with those that have expired
                await self._remove([user])
            raise
        return user, password

    async def remove(self, is_doomed: Callable[[User], bool]) -> None:
        """Remove users with their rights; none are found by who may not make any."""
        if self._cluster.address.scram is None:
            return
        marks = await self._ask(self._cluster.admin.describe_acls(_ANY_MARK), "listing users")
        users = [user_of(mark.principal, self._cluster.address.prefix) for mark in marks]
        await self._remove([user.name for user in users if user is not None and is_doomed(user)])

    def _mechanism(self) -> ScramMechanism:
        scram = self._cluster.address.scram
        if scram is None:
            raise CannotGrantError(
                "the cluster is reached without SCRAM, so that a user made for an agent could not sign in",
                next_step="Give it a listener with SCRAM and an authorizer, and the master a user that may Alter it.",
            )
        return _MECHANISMS[scram]

    async def _let_in(self, user: str, password: str, place: Place) -> None:
        alone = self._cluster.address.signed_in_as(user, password)
        if await _look(alone, place.log_topic, wanted=None):
            raise CannotGrantError(
                "the cluster lets in users to whom no rule gives a right",
                next_step="Set allow.everyone.if.no.acl.found=false, and no rule for User:* on names of the prefix.",
            )
        await self._allow(_rights(user, place))
        await _look(alone, place.log_topic, wanted=True)

    async def _allow(self, rules: list[AclBinding]) -> None:
        for future in self._cluster.admin.create_acls(rules).values():
            await self._ask(future, "making rules")

    async def _remove(self, users: list[str]) -> None:
        if not users:
            return
        doomed: list[UserScramCredentialAlteration] = [
            UserScramCredentialDeletion(user, self._mechanism()) for user in users
        ]
        for future in self._cluster.admin.alter_user_scram_credentials(doomed).values():
            with suppress(NotFoundError):  # another master has removed it, or it was never made
                await self._ask(future, "removing users")
        for rules in self._cluster.admin.delete_acls([_rules_of(user) for user in users]).values():
            await self._ask(rules, "removing rules")

    async def _ask(self, future: Future[T], doing: str) -> T:
        try:
            return await self._cluster.wait(future, doing)
        except KafkaException as failed:
            code = failed.args[0].code()
            if code in _WHY_NOT:
                text, step = _WHY_NOT[code]
                raise CannotGrantError(text, next_step=step) from failed
            raise translate(failed.args[0], doing) from failed


async def _look(address: Address, topic: str, *, wanted: bool | None) -> bool:
    """Return whether this sign-in may see the topic, once it is as `wanted` (None: once it is let in at all)."""
    give_up_at = time.monotonic() + address.timeout_s
    while True:
        sees = await _sees(address, topic)
        if sees is not None and wanted in {None, sees}:
            return sees
        if time.monotonic() > give_up_at:
            raise CannotGrantError(
                f"the cluster does not {'let in' if sees is None else 'heed the rights of'} a user made for an agent",
                next_step="See whether its listener takes SCRAM users of the cluster's own, and their principals.",
            )
        await asyncio.sleep(_LOOK_S)


async def _sees(address: Address, topic: str) -> bool | None:
    """Say whether this sign-in may see the topic, be it there or not; None: it is not let in."""
    cluster = Cluster(address)
    try:
        found = cluster.admin.describe_topics(TopicCollection([topic]), request_timeout=address.timeout_s)
        await cluster.wait(found[topic], f"describing {topic}")
    except CredentialError:
        return None
    except KafkaException as failed:
        code = failed.args[0].code()
        if code not in NO_TOPIC | {KafkaError.TOPIC_AUTHORIZATION_FAILED}:
            raise translate(failed.args[0], f"describing {topic}") from failed
        return code in NO_TOPIC
    finally:
        await cluster.close()
    return True


def _rights(user: str, place: Place) -> list[AclBinding]:
    """Return what an agent needs beside its mark; each implies Describe."""
    return [
        *(_allowed(user, _TOPIC, topic, operation) for topic in place.topics for operation in (_READ, _WRITE)),
        _allowed(user, ResourceType.TRANSACTIONAL_ID, place.transactional_id, _WRITE),
    ]


def _mark(user: str) -> AclBinding:
    """Return the rule by which a user is found. It needs it, too: consumers ask for a group, though they join none."""
    return _allowed(user, ResourceType.GROUP, user, AclOperation.DESCRIBE)


def _allowed(user: str, kind: ResourceType, name: str, operation: AclOperation) -> AclBinding:
    return AclBinding(kind, name, _LITERAL, f"User:{user}", "*", operation, AclPermissionType.ALLOW)


def _rules_of(user: str) -> AclBindingFilter:
    return AclBindingFilter(
        ResourceType.ANY, _ANY, ResourcePatternType.ANY, f"User:{user}", _ANY, AclOperation.ANY, AclPermissionType.ANY
    )


_ANY_MARK = AclBindingFilter(
    ResourceType.GROUP, _ANY, _LITERAL, _ANY, _ANY, AclOperation.DESCRIBE, AclPermissionType.ALLOW
)
