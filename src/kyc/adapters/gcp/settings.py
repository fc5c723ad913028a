"""What a person can set for an account of Google Cloud, read once and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kyc.domain.errors import InvalidInputError
from kyc.domain.setting import listed, networks, one_of, pairs, root_url, whole, yes
from kyc.ports.account import Account, Field

COMPUTE = "https://compute.googleapis.com"
RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com"
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}=[a-z0-9_-]{0,63}")

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
    Field(name="network", title="A network that exists already", required=False, help="Empty: kyc makes one a region."),
    Field(name="subnetwork", title="Its subnet", required=False, help="By default named as the network is."),
    Field(name="public_ip", title="Public addresses (yes or no)", default="yes", required=False),
    Field(
        name="ssh_from",
        title="Who may come in by SSH (CIDRs)",
        default="0.0.0.0/0",
        required=False,
        help="none: nobody",
    ),
    Field(name="ssh_public_key", title="SSH public key for the user kyc", required=False),
    Field(name="disk_gib", title="Size of the disk in GiB", default="30", required=False),
    Field(name="image", title="Image or image family", required=False, help="projects/P/global/images/family/F"),
    Field(name="service_account", title="Service account that the work gets (e-mail)", required=False),
    Field(
        name="interruption", title="What becomes of a preempted VM: DELETE or STOP", default="DELETE", required=False
    ),
    Field(name="labels", title="Labels besides ours", required=False, help="team=ml,cost-centre=7"),
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
    subnetwork: str
    public_ip: bool
    ssh_from: tuple[str, ...]
    ssh_public_key: str
    disk_gib: int
    image: str
    service_account: str
    interruption: str
    labels: Mapping[str, str]
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
        subnetwork=given["subnetwork"] or given["network"],
        public_ip=yes("public_ip", given["public_ip"]),
        ssh_from=networks("ssh_from", given["ssh_from"]),
        ssh_public_key=given["ssh_public_key"],
        disk_gib=whole("disk_gib", given["disk_gib"], least=10, most=65536),
        image=given["image"],
        service_account=given["service_account"],
        interruption=one_of("interruption", given["interruption"].upper(), ("DELETE", "STOP")),
        labels=_labels(given["labels"]),
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


def _labels(text: str) -> Mapping[str, str]:
    labels = pairs("labels", text)
    for key, value in labels.items():
        if not _LABEL.fullmatch(f"{key}={value}"):
            raise InvalidInputError(
                f"labels: {key}={value} is none", next_step="Write key=value in lower case, 63 letters at most."
            )
    return labels
