"""Credentials that the clouds' own tools keep on this machine, as the fields of an account."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from kyc.domain.errors import InvalidInputError, NotFoundError

Profile = dict[str, str]
_TOOL_S = 60
_AWS_FIELDS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "region": "region",
    "endpoint_url": "endpoint",
}
_AWS_EXPORTED = {
    "AccessKeyId": "access_key_id",
    "SecretAccessKey": "secret_access_key",
    "SessionToken": "session_token",
}


def read_profile(cloud: str, name: str | None) -> Profile:
    """Return the fields of a profile; of the usual one, empty if there is none, for no name.

    Raise NotFoundError for a name that nothing has, InvalidInputError for a cloud whose tool keeps none.
    """
    reader = _READERS.get(cloud)
    if reader is None:
        if name is None:
            return {}
        raise InvalidInputError(f"{cloud} has no profiles", next_step="Give the fields by --set.")
    found = reader(name or "", os.environ)
    if name is not None and not found:
        raise NotFoundError(f"there is no {cloud} profile {name!r}", next_step="Check its name with the cloud's tool.")
    return found


def _aws(name: str, env: Mapping[str, str]) -> Profile:
    """Read AWS's shared files; a profile that gets its keys elsewhere (SSO, a role) is asked of the AWS tool."""
    wanted = name or env.get("AWS_PROFILE") or "default"
    keys = _section(env.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"), wanted)
    section = wanted if wanted == "default" else f"profile {wanted}"
    config = _section(env.get("AWS_CONFIG_FILE", "~/.aws/config"), section)
    raw = {**config, **keys}
    found = {field: raw[key] for key, field in _AWS_FIELDS.items() if raw.get(key)}
    if raw and "secret_access_key" not in found:
        found |= _aws_tool(wanted)
    return found


def _aws_tool(profile: str) -> Profile:
    tool = shutil.which("aws")
    if tool is None:
        raise InvalidInputError(
            f"the AWS profile {profile!r} keeps no keys itself, and there is no `aws` command to ask for them",
            next_step="Install the AWS command line, or give the keys by --set.",
        )
    argv = [tool, "configure", "export-credentials", "--profile", profile]
    ended = subprocess.run(argv, capture_output=True, check=False, timeout=_TOOL_S)
    if ended.returncode != 0:
        said = ended.stderr.decode(errors="replace").strip()
        raise InvalidInputError(f"`aws` has no credentials for the profile {profile!r}: {said}", next_step="Sign in.")
    told = json.loads(ended.stdout)
    return {field: told[key] for key, field in _AWS_EXPORTED.items() if told.get(key)}


def _section(path: str, name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.read(Path(path).expanduser())
    return dict(parser[name]) if parser.has_section(name) else {}


def _gcp(name: str, env: Mapping[str, str]) -> Profile:
    """Read gcloud's application default credentials, and the project of a configuration (`default` for no name)."""
    folder = Path(env.get("CLOUDSDK_CONFIG", "~/.config/gcloud")).expanduser()
    wanted = name or env.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or "default"
    core = _section(str(folder / "configurations" / f"config_{wanted}"), "core")
    found = {"project": core["project"]} if core.get("project") else {}
    credentials = folder / "application_default_credentials.json"
    if credentials.is_file() and (not name or core):
        found["credentials"] = credentials.read_text()
    return found


def _azure(name: str, env: Mapping[str, str]) -> Profile:
    """Read from the Azure tool which subscription is meant (the default one for no name); it keeps no secrets."""
    path = Path(env.get("AZURE_CONFIG_DIR", "~/.azure")).expanduser() / "azureProfile.json"
    if not path.is_file():
        return {}
    for one in json.loads(path.read_text(encoding="utf-8-sig")).get("subscriptions", []):
        if name in {one["name"], one["id"]} or (not name and one.get("isDefault")):
            return {"subscription_id": one["id"], "tenant_id": one["tenantId"]}
    return {}


_READERS: Mapping[str, Callable[[str, Mapping[str, str]], Profile]] = {"aws": _aws, "gcp": _gcp, "azure": _azure}
