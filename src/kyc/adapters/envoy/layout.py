"""Which file holds what of a service, and what each has to say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kyc.adapters.envoy import resource as xds
from kyc.adapters.envoy.publish import Document
from kyc.hosting.door import Pem, read_authority, read_certificate
from kyc.ports.edge import EdgeService

FOLDERS = ("endpoints", "routes", "secrets")
Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A service with its certificates as they are now."""

    service: EdgeService
    shown: Pem | None
    upstream: Pem | None
    authority: str | None

    @staticmethod
    def read(service: EdgeService) -> Wanted:
        """Read the certificates; raise InvalidInputError for one that cannot be used."""
        return Wanted(
            service=service,
            shown=read_certificate(service.certificate) if service.certificate else None,
            upstream=read_certificate(service.upstream_tls) if service.upstream_tls else None,
            authority=read_authority(service.upstream_ca) if service.upstream_ca else None,
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder's files, as documents."""

    folder: Path

    def clusters(self, wanted: Iterable[Wanted], kept: Iterable[xds.Json] = ()) -> Document:
        """Return the clusters of these services, and those `kept` until nothing names them."""
        made = [self._cluster(each) for each in wanted]
        return Document.of(self.folder / "cds.json", "cluster_manager.cds", [*made, *kept])

    def listeners(self, wanted: Iterable[Wanted]) -> Document:
        """Return the listeners of these services."""
        made = [self._listener(each) for each in wanted]
        return Document.of(self.folder / "lds.json", "listener_manager.lds", made)

    def endpoints(self, service: EdgeService) -> Document:
        """Return where its replicas are."""
        return Document.of(self._path("endpoints", service.name), f"cluster.{service.name}", [xds.endpoints(service)])

    def routes(self, service: EdgeService, *, waits: bool) -> Document:
        """Return what is done with its requests."""
        name = service.name
        subscription = f"http.{name}.rds.{name}"
        return Document.of(self._path("routes", name), subscription, [xds.routes(service, waits=waits)])

    def secrets(self, wanted: Wanted) -> list[Document]:
        """Return its certificates."""
        name = wanted.service.name
        made: dict[str, xds.Json] = {}
        if wanted.shown:
            made[name] = xds.certificate(name, wanted.shown)
        if wanted.upstream:
            made[f"{name}.upstream"] = xds.certificate(f"{name}.upstream", wanted.upstream)
        if wanted.authority:
            made[f"{name}.authority"] = xds.authority(f"{name}.authority", wanted.authority)
        return [Document.of(self._path("secrets", key), f"sds.{key}", [value]) for key, value in made.items()]

    def present_clusters(self) -> dict[str, xds.Json]:
        """Return the clusters that Envoy has now, by name."""
        return {str(each["name"]): each for each in _resources(self.folder / "cds.json")}

    def present_addresses(self) -> dict[str, Address]:
        """Return where Envoy listens now, by service."""
        return {str(each["name"]): _address(each) for each in _resources(self.folder / "lds.json")}

    def prepare(self) -> None:
        """Make the folders, and the two files that Envoy must find at its first start."""
        for name in FOLDERS:
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        for document in (self.clusters([]), self.listeners([])):
            if not document.path.exists():
                document.path.write_bytes(document.content)

    def sweep(self, wanted: Sequence[Wanted]) -> None:
        """Delete the files of services that are not wanted any more."""
        used = {self._path(folder, each.service.name) for each in wanted for folder in ("endpoints", "routes")}
        used |= {document.path for each in wanted for document in self.secrets(each)}
        for name in FOLDERS:
            for path in (self.folder / name).iterdir():
                if path not in used:
                    path.unlink()

    def _cluster(self, wanted: Wanted) -> xds.Json:
        service = wanted.service
        secrets = {
            name: self._path("secrets", name) for name in (f"{service.name}.upstream", f"{service.name}.authority")
        }
        if wanted.authority is None:
            del secrets[f"{service.name}.authority"]
        return xds.cluster(service, endpoints=self._path("endpoints", service.name), secrets=secrets)

    def _listener(self, wanted: Wanted) -> xds.Json:
        name = wanted.service.name
        secret = self._path("secrets", name) if wanted.shown else None
        return xds.listener(wanted.service, routes=self._path("routes", name), secret=secret)

    def _path(self, folder: str, name: str) -> Path:
        return self.folder / folder / f"{name}.json"


def _resources(path: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(path.read_bytes())["resources"]
    return found


def _address(listener: dict[str, object]) -> Address:
    at = listener["address"]
    assert isinstance(at, dict)
    return at["socket_address"]["address"], at["socket_address"]["port_value"]
