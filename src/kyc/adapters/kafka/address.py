"""Where a Kafka cluster is and how to sign in, read from `kafka://[user[:password]@]host[:port][,host…][?option=value…]`.

Options: `prefix` of the topics (kyc), `replication` of new topics (the cluster's default), `timeout` in seconds (30),
`username`, `agents` (whether they get users of their own: auto), and those of librdkafka that `_PASSED_ON` names. The
password comes from the URL or, better, from the token.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from kyc.domain.errors import InvalidInputError
from kyc.domain.snapshot import StreamAccess

_DEFAULT_PORT = 9092
_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(r"(?P<name>[^\s:\[\]/,]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?")
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_PASSED_ON = (
    "security.protocol",
    "sasl.mechanism",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.key.location",
)
_OURS = ("prefix", "replication", "timeout", "username", "agents")
_AGENTS = ("auto", "own", "shared")
_SILENT = logging.Logger("librdkafka", logging.CRITICAL + 1)  # what matters comes back as an error of the call


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A cluster, our topics in it, and librdkafka's settings to reach it. `replication` -1 is the cluster's default.

    `agents` get users of their `own`, share ours (`shared`), or get their own where the cluster can make them (`auto`).
    """

    servers: str
    prefix: str = "kyc"
    replication: int = -1
    timeout_s: float = 30
    agents: str = "auto"
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)  # holds the password

    @property
    def scram(self) -> str | None:
        """The SCRAM mechanism that we sign in with, so that the listener is known to take it; None without one."""
        mechanism = self.settings.get("sasl.mechanism", "")
        signs_in = self.settings.get("security.protocol", "").startswith("SASL")
        return mechanism if signs_in and mechanism.startswith("SCRAM") else None

    @property
    def group(self) -> str:
        """The consumer group that librdkafka asks for, and that is never joined: of its own for an agent's own user."""
        user = self.settings.get("sasl.username", "")
        return user if user.startswith(f"{self.prefix}.") else self.prefix

    def signed_in_as(self, user: str, password: str) -> Address:
        """Return the same cluster with somebody else's sign-in."""
        return replace(self, settings={**self.settings, "sasl.username": user, "sasl.password": password})

    def client(self, *, error_cb: object, **more: object) -> dict[str, object]:
        """Return a librdkafka configuration: what every client of ours has, and `more` with '_' read as '.'."""
        common: dict[str, object] = {
            "bootstrap.servers": self.servers,
            "client.id": "kyc",
            "reconnect.backoff.max.ms": 1000,
            "topic.metadata.propagation.max.ms": 5000,
            "error_cb": error_cb,
            "logger": _SILENT,
        }
        return {**common, **self.settings} | {name.replace("_", "."): value for name, value in more.items()}


def address_of(access: StreamAccess) -> Address:
    """Parse the URL; the token is the password if the URL names a user, else `user:password`.

    Raises InvalidInputError, which never shows a password.
    """
    parts = urlsplit(access.url)
    if parts.scheme != "kafka":
        raise InvalidInputError(f"{parts.scheme}:// is not the URL of a Kafka cluster", next_step="Use kafka://host.")
    sign_in, _, hosts = parts.netloc.rpartition("@")
    options = dict(parse_qsl(parts.query))
    for name in options:
        if name not in _OURS + _PASSED_ON:
            raise InvalidInputError(
                f"{name} is not an option of a kafka:// URL", next_step=f"Known are {', '.join(_OURS + _PASSED_ON)}."
            )
    user, _, password = sign_in.partition(":")
    user = unquote(user) or options.get("username", "")
    if not user and access.token:
        user, _, password = access.token.partition(":")
    elif access.token:
        password = access.token
    else:
        password = unquote(password)
    return Address(
        servers=",".join(_server(host) for host in hosts.split(",")),
        prefix=_matching(options.get("prefix", "kyc"), _PREFIX, "prefix"),
        replication=int(_number(options.get("replication", "-1"), "replication")),
        timeout_s=_number(options.get("timeout", "30"), "timeout"),
        agents=_one_of(options.get("agents", "auto"), _AGENTS, "agents"),
        settings=_settings(options, user, password),
    )


def signed_in(access: StreamAccess, user: str, password: str) -> StreamAccess:
    """Return the access with somebody else's sign-in, whichever way it names the user."""
    parts = urlsplit(access.url)
    options = [(name, value) for name, value in parse_qsl(parts.query) if name != "username"]
    hosts = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=hosts, query=urlencode(options, quote_via=quote)))
    return replace(access, url=url, token=f"{user}:{password}")


def _server(host: str) -> str:
    found = _HOST.fullmatch(host)
    if found is None:
        raise InvalidInputError(f"{host!r} is not the address of a Kafka broker", next_step="Use kafka://host:9092.")
    return f"{found['name']}:{found['port'] or _DEFAULT_PORT}"


def _settings(options: Mapping[str, str], user: str, password: str) -> dict[str, str]:
    settings = {name: options[name] for name in _PASSED_ON if name in options}
    settings.setdefault("security.protocol", "SASL_SSL" if user else "PLAINTEXT")
    settings["security.protocol"] = settings["security.protocol"].upper()
    _one_of(settings["security.protocol"], _PROTOCOLS, "security.protocol")
    if user:
        settings |= {"sasl.username": user, "sasl.password": password}
    if settings["security.protocol"].startswith("SASL"):
        settings.setdefault("sasl.mechanism", "SCRAM-SHA-512")
        _one_of(settings["sasl.mechanism"], _MECHANISMS, "sasl.mechanism")
        if not user:
            raise InvalidInputError(
                "the kafka:// URL asks for SASL, but names no user", next_step="Add username=… and give the password."
            )
        if not password:
            raise InvalidInputError(
                "there is a user for the kafka:// URL, but no password",
                next_step="Give it as KYC_STREAM_TOKEN; user:password there if the URL names no user.",
            )
    return settings


def _one_of(value: str, allowed: tuple[str, ...], option: str) -> str:
    if value not in allowed:
        raise InvalidInputError(f"{option} cannot be {value}", next_step=f"Use one of {', '.join(allowed)}.")
    return value


def _matching(value: str, pattern: re.Pattern[str], option: str) -> str:
    if not pattern.fullmatch(value):
        raise InvalidInputError(f"{option} cannot be {value!r}", next_step="Use letters, digits, '.', '-' and '_'.")
    return value


def _number(value: str, option: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InvalidInputError(f"{option} is not a number: {value!r}", next_step=f"Write it as {option}=3.") from None
