"""A broker as in production: TLS, SCRAM and an authorizer, and users with just the rights of docs/streams.md."""

from __future__ import annotations

from urllib.parse import quote

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from kyc.adapters.kafka.address import address_of
from kyc.domain.snapshot import StreamAccess
from tests.kafka.broker import Broker
from tests.kafka.certificate import Authority, one_line

_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required"
_RIGHTS = (
    (ResourceType.TOPIC, ("CREATE", "DELETE", "DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE")),
    (ResourceType.TRANSACTIONAL_ID, ("DESCRIBE", "WRITE")),
    (ResourceType.GROUP, ("READ",)),
)


class GuardedBroker:
    """A broker that runs until `close`, and how its users sign in. `extra` lines go into its settings.

    kyc is a master that may alter the cluster, modest one that may not; root may do everything.
    """

    def __init__(self, *extra: str) -> None:
        self._authority = Authority("the test's own")
        self._broker = Broker(
            client_listener="SASL_SSL",
            users={name: name for name in ("root", "kyc", "modest", "broker")},
            extra=(
                "sasl.enabled.mechanisms=SCRAM-SHA-512",
                "sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512",
                f'listener.name.client.scram-sha-512.sasl.jaas.config={_LOGIN} username="broker" password="broker";',
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users=User:ANONYMOUS;User:root",  # the broker's own listeners ask nobody who he is
                *self._authority.broker_settings(),
                *extra,
            ),
        )
        try:
            self._broker.start()
            cluster = (ResourceType.BROKER, "kafka-cluster", ResourcePatternType.LITERAL)
            self._give_rights("kyc", AclBinding(*cluster, *allow("kyc", AclOperation.ALTER)))
            self._give_rights("modest")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it, and remove its files."""
        self._broker.close()

    def access(self, user: str = "kyc", options: str = "") -> StreamAccess:
        """Return the access of one of the users; each has its own name as the password."""
        pem = quote(self._authority.pem)
        url = f"kafka://{user}@{self._broker.address}?timeout=30&ssl.ca.pem={pem}{options}"
        return StreamAccess(url=url, workload="", token=user)

    def users(self) -> str:
        """Return what Kafka's own tool lists of users: the library aborts the process if it may not."""
        return self.tool(self.access("root"), "kafka.admin.ConfigCommand", "--entity-type", "users", "--describe")

    def tool(self, access: StreamAccess, name: str, *arguments: str) -> str:
        """Return what one of Kafka's own tools says, signed in with this access."""
        user, password = (address_of(access).settings[name] for name in ("sasl.username", "sasl.password"))
        lines = (
            "security.protocol=SASL_SSL",
            "sasl.mechanism=SCRAM-SHA-512",
            f'sasl.jaas.config={_LOGIN} username="{user}" password="{password}";',
            "ssl.truststore.type=PEM",
            f"ssl.truststore.certificates={one_line(self._authority.pem)}",
        )
        path = self._broker.folder / f"{user}.properties"
        path.write_text("\n".join(lines))
        server = ("--bootstrap-server", self._broker.address, "--command-config", str(path))
        return self._broker.ask(name, *server, *arguments)

    def _give_rights(self, user: str, *more: AclBinding) -> None:
        """Give the user what a master needs on all prefixes that begin with `kyc`, and more."""
        rights = [
            AclBinding(kind, "kyc", ResourcePatternType.PREFIXED, *allow(user, AclOperation[operation]))
            for kind, operations in _RIGHTS
            for operation in operations
        ]
        root = admin(self.access("root"))
        for future in root.create_acls([*rights, *more]).values():
            future.result(30)


def allow(user: str, operation: AclOperation) -> tuple[str, str, AclOperation, AclPermissionType]:
    """Return the end of a rule that allows the user something."""
    return f"User:{user}", "*", operation, AclPermissionType.ALLOW


def admin(access: StreamAccess) -> AdminClient:
    """Return a client for what our own code has no use for."""
    return AdminClient(settings(access))


def settings(access: StreamAccess, **more: object) -> dict[str, object]:
    """Return what a client of the library needs to sign in with this access."""
    return address_of(access).client(error_cb=lambda error: None, **more)
