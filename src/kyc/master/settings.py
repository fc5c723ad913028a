"""What the master is told when it starts: options, else the environment, else the defaults. Checked here, once."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from kyc.domain.errors import InvalidInputError
from kyc.planning.freshness import Freshness
from kyc.planning.retention import Retention
from kyc.streams import known
from kyc.wire.quantity import duration

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7070
DEFAULT_ARCHIVE_LIMIT_MIB = 4096
LOCAL_MODES = ("process", "isolated")
MACHINES = ("x86_64", "aarch64")
DEFAULT_AGENT_PYTHONS = "3.12,3.14"
DEFAULT_AGENT_TAGS = ("cp312-x86_64", "cp312-aarch64", "cp314-x86_64", "cp314-aarch64")
EDGES = ("auto", "envoy", "haproxy", "python")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`port` 0: any free one. `public_url`: where agents of other machines reach this master. None: our own choice.

    `stream_url` names another stream than the embedded one, `state_url` another database than `home`'s SQLite file.
    """

    home: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    public_url: str | None = None
    stream_url: str | None = None
    stream_token: str = field(default="", repr=False)
    state_url: str | None = None
    terraform: str | None = None
    local_mode: str = "process"
    edge: str = "auto"
    log_level: str = "info"
    archive_limit_bytes: int = DEFAULT_ARCHIVE_LIMIT_MIB << 20
    fetch_prices: bool = True
    keyring: bool = True
    agent_tags: tuple[str, ...] = DEFAULT_AGENT_TAGS
    session_lasts: timedelta = timedelta(hours=12)
    freshness: Freshness = field(default_factory=Freshness)
    retention: Retention = field(default_factory=Retention)


def read_settings(argv: Sequence[str], env: Mapping[str, str]) -> Settings:
    """Return the settings; raise InvalidInputError that names the option or variable. `--help` exits."""
    given = _parser().parse_args(argv)

    def of(option: str, default: str | None = None) -> str | None:
        value: str | None = getattr(given, option)
        return value or env.get(f"KYC_{option.upper()}") or default

    home = of("home")
    return Settings(
        home=Path(home).expanduser().absolute() if home else Path.home() / ".kyc",
        host=of("host") or DEFAULT_HOST,
        port=_number("port", of("port", str(DEFAULT_PORT)), least=0, most=65535),
        public_url=_web_url("public-url", of("public_url")),
        stream_url=None if (stream := of("stream")) is None else known(stream),
        stream_token=env.get("KYC_STREAM_TOKEN", ""),
        state_url=of("state"),
        terraform=of("terraform"),
        local_mode=_one_of("local-mode", of("local_mode", "process"), LOCAL_MODES),
        edge=_one_of("edge", of("edge", "auto"), EDGES),
        log_level=_one_of("log-level", of("log_level", "info"), LOG_LEVELS),
        archive_limit_bytes=_number(
            "archive-limit-mib", of("archive_limit_mib", str(DEFAULT_ARCHIVE_LIMIT_MIB)), least=1
        )
        << 20,
        fetch_prices=_one_of("price-feeds", of("price_feeds", "on"), ("on", "off")) == "on",
        keyring=_one_of("keyring", of("keyring", "auto"), ("auto", "off")) == "auto",
        agent_tags=_tags(of("agent_pythons", DEFAULT_AGENT_PYTHONS)),
        session_lasts=_lasts(of("session", "12h")),
        freshness=_freshness(of("stale_after", "")),
        retention=Retention(last=_number("keep-snapshots", of("keep_snapshots", str(Retention().last)), least=1)),
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # ours raises, the original exits
        raise InvalidInputError(message, next_step=self.format_usage().strip())


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m kyc.master", description="Run the master in the foreground.", allow_abbrev=False)
    up = parser.add_subparsers(required=True, metavar="up").add_parser("up", allow_abbrev=False)
    option = up.add_argument
    option("--home", metavar="DIR", help="where everything is kept (KYC_HOME; default ~/.kyc)")
    option("--host", metavar="HOST", help=f"the address to listen at (KYC_HOST; default {DEFAULT_HOST})")
    option("--port", metavar="PORT", help=f"the port, 0 for any free one (KYC_PORT; default {DEFAULT_PORT})")
    option("--public-url", metavar="URL", help="how agents of other machines reach this master (KYC_PUBLIC_URL)")
    option("--stream", metavar="URL", help="the stream for the files (KYC_STREAM; default: an embedded NATS server)")
    option("--state", metavar="URL", help="the database (KYC_STATE; default: SQLite in the home folder)")
    option("--terraform", metavar="PATH", help="the terraform or tofu to use (KYC_TERRAFORM; default: from PATH)")
    option("--local-mode", metavar="MODE", help="process, or isolated: instances with a network of their own")
    option(
        "--edge",
        metavar="KIND",
        help="what balances services: envoy, haproxy, python, or auto: the first that is there (KYC_EDGE)",
    )
    option("--log-level", metavar="LEVEL", help=f"{', '.join(LOG_LEVELS)} (KYC_LOG_LEVEL; default info)")
    option("--archive-limit-mib", metavar="N", help="how large a workdir may be, packed (KYC_ARCHIVE_LIMIT_MIB)")
    option("--price-feeds", metavar="on|off", help="whether prices are fetched in the background (KYC_PRICE_FEEDS)")
    option("--keyring", metavar="auto|off", help="whether the system's keyring holds the key to secrets (KYC_KEYRING)")
    option("--keep-snapshots", metavar="N", help="of a workload, besides older ones (KYC_KEEP_SNAPSHOTS; default 10)")
    option("--agent-pythons", metavar="LIST", help="of clouds' images (KYC_AGENT_PYTHONS; default 3.12,3.14)")
    option("--session", metavar="TIME", help="how long a browser stays signed in (KYC_SESSION; default 12h)")
    option(
        "--stale-after",
        metavar="LIST",
        help="from which age on prices are marked as stale: spot=6h,on-demand=30d,SOURCE=2h (KYC_STALE_AFTER)",
    )
    return parser


def _tags(text: str | None) -> tuple[str, ...]:
    versions = [version.strip() for version in (text or "").split(",") if version.strip()]
    for version in versions:
        if re.fullmatch(r"3\.(1[1-9]|[2-9]\d)", version) is None:
            raise InvalidInputError(
                f"agent-pythons: {version!r} is no Python of 3.11 or newer", next_step="Write it as 3.12,3.14."
            )
    return tuple(f"cp{version.replace('.', '')}-{machine}" for version in versions for machine in MACHINES)


def _lasts(text: str | None) -> timedelta:
    try:
        return duration(text or "")
    except ValueError as error:
        raise InvalidInputError(
            f"session: {text!r} is {error}", next_step="Give --session a time such as 12h."
        ) from error


def _freshness(text: str | None) -> Freshness:
    found = dict(_age(part) for part in (text or "").split(",") if part.strip())
    usual = Freshness()
    return Freshness(
        spot=found.pop("spot", usual.spot), on_demand=found.pop("on-demand", usual.on_demand), by_source=found
    )


def _age(part: str) -> tuple[str, timedelta]:
    name, _, age = part.partition("=")
    try:
        return name.strip(), duration(age)
    except ValueError as error:
        raise InvalidInputError(
            f"stale-after: {part!r} is {error}", next_step="Write --stale-after as spot=6h,on-demand=30d."
        ) from error


def _number(name: str, text: str | None, *, least: int, most: int | None = None) -> int:
    if text is None or not text.isascii() or not text.isdecimal():
        raise InvalidInputError(f"{name}: {text!r} is not a number", next_step=f"Give --{name} a whole number.")
    if int(text) < least or (most is not None and int(text) > most):
        raise InvalidInputError(
            f"{name}: {text} is out of range", next_step=f"Give --{name} {least} to {most or 'more'}."
        )
    return int(text)


def _one_of(name: str, text: str | None, allowed: Sequence[str]) -> str:
    if text is None or text not in allowed:
        raise InvalidInputError(f"{name}: {text!r} is not one of {', '.join(allowed)}", next_step=f"Correct --{name}.")
    return text


def _web_url(name: str, text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInputError(f"{name}: {text!r} is not a web address", next_step=f"Give --{name} as https://HOST.")
    return text.rstrip("/")
