"""What the agent is told by its environment, checked at the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kyc.domain.errors import InvalidInputError
from kyc.domain.ids import InstanceId

EVERYWHERE = "0.0.0.0"  # noqa: S104  # who may come in is for the cloud's network to say
NOTICES = ("aws", "gcp", "azure")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that an agent needs to begin.

    Under `root`: `work/<workload>/` is the workload's, `agent/` the agent's (mode 0700). `path` and `home` are what
    commands get. `notices` names the protocol of the metadata service, None: nobody gives notice here;
    `metadata_url` None: at the address where the providers have it. `address` is where replicas listen: the instance's
    own where it shares a machine with others, else all.
    """

    master_url: str
    instance_id: InstanceId
    enrol_token: str
    root: Path
    metadata_url: str | None
    notices: str | None
    path: str
    home: str
    address: str = EVERYWHERE

    @property
    def own_folder(self) -> Path:
        """Where the agent keeps its secret and what it has still to say."""
        return self.root / "agent"

    @property
    def work_folder(self) -> Path:
        """The folder of the workloads' folders."""
        return self.root / "work"


def settings_from(env: Mapping[str, str], *, current_folder: Path) -> Settings:
    """Return the settings; raise InvalidInputError naming the variable that is missing or makes no sense."""
    return Settings(
        master_url=_url(env, "KYC_MASTER_URL"),
        instance_id=InstanceId(_needed(env, "KYC_INSTANCE_ID")),
        enrol_token=_needed(env, "KYC_ENROL_TOKEN"),
        root=Path(env.get("KYC_ROOT") or current_folder).absolute(),
        metadata_url=_url(env, "KYC_METADATA_URL") if env.get("KYC_METADATA_URL") else None,
        notices=_notices(env),
        path=env.get("PATH") or _DEFAULT_PATH,
        home=env.get("HOME") or "/",
        address=env.get("KYC_ADDRESS") or EVERYWHERE,
    )


def _notices(env: Mapping[str, str]) -> str | None:
    """Return whose protocol to speak: EC2's where only an address is given, as the local cloud does."""
    name = env.get("KYC_NOTICES") or ("aws" if env.get("KYC_METADATA_URL") else None)
    if name is not None and name not in NOTICES:
        raise InvalidInputError(f"KYC_NOTICES is {name!r}, but has to be one of {', '.join(NOTICES)}")
    return name


def _needed(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise InvalidInputError(f"{name} is not set", next_step="The instance's user data sets it; start it anew.")
    return value


def _url(env: Mapping[str, str], name: str) -> str:
    value = _needed(env, name).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInputError(f"{name} is not an http or https URL: {value}")
    return value
