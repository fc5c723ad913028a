"""What a person can set for an account of Google Cloud, read once and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kyc.domain.errors import InvalidInputError
from kyc.ports.account import SERVICES_FROM, SSH_FROM, Account, Field
from kyc.ports.setting import listed, networks, root_url

COMPUTE = "https://compute.googleapis.com"
RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com"

FIELDS = (
    Field(
        name="credentials",
        title="Key file of a service account (JSON)",
        secret=True,
        required=False,
        file=True,
        env=("GOOGLE_APPLICATION_CREDENTIALS",),
        help="gcloud iam service-accounts keys create key.json --iam-account NAME@PROJECT.iam.gserviceaccount.com",
    ),
    Field(
        name="access_token",
        title="Access token, in place of a key file (runs out after an hour)",
        secret=True,
        required=False,
        env=("GOOGLE_OAUTH_ACCESS_TOKEN",),
        help="gcloud auth print-access-token",
    ),
    Field(
        name="project",
        title="Project id",
        required=False,
        env=("GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"),
        help="The key file names one; set another one here.",
    ),
    Field(name="regions", title="Regions to make ready ahead of need", required=False, help="europe-west1,us-east1"),
    Field(
        name="network",
        title="Network",
        required=False,
        help="One that exists, with a subnet of its own name in each region; empty: kyc makes one for each region.",
    ),
    SSH_FROM,
    SERVICES_FROM,
    Field(
        name="endpoint",
        title="Address of the Compute Engine API",
        required=False,
        env=("GOOGLE_COMPUTE_CUSTOM_ENDPOINT",),
        help="Only for a private cloud or an emulator: http://host:port/compute/v1/",
    ),
    Field(
        name="resource_manager_endpoint",
        title="Address of the Resource Manager API",
        required=False,
        env=("GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT",),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpSettings:
    """An account's settings. `key` is a key file's content, empty where there is an access token instead."""

    project: str
    key: Mapping[str, Any] = field(repr=False)
    access_token: str = field(repr=False)
    regions: tuple[str, ...]
    network: str
    ssh_from: tuple[str, ...]
    services_from: tuple[str, ...]
    compute: str
    resource_manager: str

    @property
    def is_emulated(self) -> bool:
        """Whether something else than Google's own API answers."""
        return self.compute != COMPUTE


def read_settings(account: Account) -> GcpSettings:
    """Return the account's settings; raise InvalidInputError naming the field that cannot be."""
    given = {**{one.name: one.default for one in FIELDS}, **account.settings, **account.secrets}
    key = _key(given["credentials"])
    if not key and not given["access_token"]:
        raise InvalidInputError(
            "gcp needs credentials: a service account's key file, or an access token", next_step=FIELDS[0].help
        )
    project = given["project"] or str(key.get("project_id") or key.get("quota_project_id") or "")
    if not project:
        raise InvalidInputError("gcp needs the project's id", next_step="Give it as project=ID.")
    endpoint = root_url("endpoint", given["endpoint"] or COMPUTE)
    manager = RESOURCE_MANAGER if endpoint == COMPUTE else endpoint
    return GcpSettings(
        project=project,
        key=key,
        access_token=given["access_token"],
        regions=listed(given["regions"]),
        network=given["network"],
        ssh_from=networks("ssh_from", given["ssh_from"]),
        services_from=networks("services_from", given["services_from"]),
        compute=endpoint,
        resource_manager=root_url("resource_manager_endpoint", given["resource_manager_endpoint"] or manager),
    )


def _key(text: str) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        key = json.loads(text)
    except ValueError as error:
        raise InvalidInputError(
            "credentials: this is not a key file, which is JSON", next_step=FIELDS[0].help
        ) from error
    if not isinstance(key, dict) or key.get("type") not in {"service_account", "authorized_user"}:
        raise InvalidInputError("credentials: this is not the key of a service account", next_step=FIELDS[0].help)
    return key
