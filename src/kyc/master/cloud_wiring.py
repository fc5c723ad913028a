"""The providers of clouds that a person can have accounts of, each with what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from urllib.parse import urlsplit

from kyc.adapters.aws.provider import AwsProvider
from kyc.adapters.azure.provider import AzureProvider
from kyc.adapters.gcp.provider import GcpProvider
from kyc.adapters.ssh.tunnel import SshTunnels
from kyc.adapters.system.sshkey import public_key
from kyc.control.context import Context
from kyc.control.region import regions_in_use
from kyc.control.tunnels import TunnelKeeper
from kyc.master.home import Home
from kyc.master.settings import Settings
from kyc.ports.account import CloudProvider
from kyc.ports.clock import Clock
from kyc.ports.store import Store

SSH_USERS = {"aws": "ubuntu", "gcp": "kyc", "azure": "kyc"}  # to whom the clouds' modules give our key


def make_providers(settings: Settings, home: Home, store: Store, clock: Clock) -> Mapping[str, CloudProvider]:
    """Return the providers by the names of their clouds."""

    @cache
    def key() -> str:
        return public_key(home.ssh_key)

    master_id, admit_ssh = home.master_id(), settings.public_url is None
    aws = AwsProvider(
        master_id=master_id, public_key=key, admit_ssh=admit_ssh, regions=partial(regions_in_use, store, clock)
    )
    gcp = GcpProvider(master_id=master_id, public_key=key, admit_ssh=admit_ssh, clock=clock)
    azure = AzureProvider(master_id=master_id, public_key=key, admit_ssh=admit_ssh, clock=clock)
    return {aws.name: aws, gcp.name: gcp, azure.name: azure}


def make_tunnels(settings: Settings, home: Home, context: Context, url: str) -> TunnelKeeper | None:
    """Return what keeps a way to this master, and to its own stream server, for instances; None for a public one."""
    if settings.public_url is not None:
        return None
    ports = {urlsplit(url).port or 0}
    stream = home.path / "nats" / "port"  # written at the server's first start; there is none if a stream was named
    if settings.stream_url is None and stream.is_file():
        ports.add(int(stream.read_text(encoding="ascii")))
    same = {port: port for port in ports if port}
    tunnels = SshTunnels(home.ssh_key, home.ssh_key.parent / "known", same, context.rng)
    return TunnelKeeper(context, tunnels, SSH_USERS)
