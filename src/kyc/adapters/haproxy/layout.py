"""What lies in the folder: a configuration file for each service beside the one for all, and certificates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kyc.adapters.haproxy import config
from kyc.adapters.haproxy.config import Server
from kyc.hosting.door import read_authority, read_certificate, why_taken
from kyc.hosting.files import write_private
from kyc.ports.edge import EdgeService

_FIRST = "00-kyc.cfg"  # before all services, whose names have no such file: they are read in alphabetical order
_LUA = Path(__file__).with_name("wait.lua")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A service with its certificates as they are now, by the name of their file."""

    service: EdgeService
    pems: tuple[tuple[str, str], ...]

    @staticmethod
    def read(service: EdgeService) -> Wanted:
        """Read the certificates; raise InvalidInputError for one that cannot be used."""
        pems: dict[str, str] = {}
        for suffix, certificate in (("", service.certificate), (".upstream", service.upstream_tls)):
            if certificate:
                pem = read_certificate(certificate)
                pems[f"certs/{service.name}{suffix}.pem"] = f"{pem.chain.strip()}\n{pem.key.strip()}\n"
        if service.upstream_ca:
            pems[f"certs/{service.name}.authority.pem"] = read_authority(service.upstream_ca)
        return Wanted(service=service, pems=tuple(pems.items()))

    def section(self) -> str:
        """Return its part of the configuration without servers."""
        return config.service_section(self.service, self._file(""))

    def servers(self) -> dict[str, Server]:
        """Return its servers by name."""
        return config.servers(self.service, self._file(".upstream"), self._file(".authority"))

    def _file(self, suffix: str) -> str | None:
        name = f"certs/{self.service.name}{suffix}.pem"
        return name if name in dict(self.pems) else None


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder's files."""

    folder: Path

    @property
    def sections(self) -> Path:
        """Where the configuration lies; HAProxy reads every `.cfg` in it."""
        return self.folder / "conf"

    def prepare(self, threads: int) -> None:
        """Make what HAProxy needs for its first start."""
        for path in (self.sections, self.folder / "certs"):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.folder / "wait.lua", _LUA.read_bytes())
        if not (self.sections / _FIRST).exists():
            self.write([], {}, threads)

    def write(self, wanted: Iterable[Wanted], servers: Mapping[str, Mapping[str, Server]], threads: int) -> str:
        """Write all of it, and nothing else; return the structure's name. `servers`: of each service, by name."""
        known = {each.service.name: each for each in wanted}
        structure = config.structure_of({name: each.section() for name, each in known.items()})
        first = config.global_section(structure=structure, threads=threads)
        files = {_FIRST: first} | {f"{name}.cfg": _whole(each, servers[name]) for name, each in known.items()}
        pems = {path: text for each in known.values() for path, text in each.pems}
        for path, text in pems.items():
            _put(self.folder / path, text.encode())
        for name, text in files.items():
            _put(self.sections / name, text.encode())
        for file in self.sections.iterdir():
            if file.name not in files:
                file.unlink()
        for file in (self.folder / "certs").iterdir():
            if f"certs/{file.name}" not in pems:
                file.unlink()
        return structure

    def leave_out_taken(self) -> None:
        """Take out the services whose ports others hold now: HAProxy would not start at all."""
        for path in self.sections.glob("*.cfg"):
            first = path.read_text().partition("\n")[0].split()
            if first[:1] == ["#bind"] and why_taken(first[1], int(first[2])):
                path.unlink()

    def present_addresses(self) -> set[tuple[str, int]]:
        """Return where HAProxy listens now, if it runs."""
        firsts = (path.read_text().partition("\n")[0].split() for path in self.sections.glob("*.cfg"))
        return {(first[1], int(first[2])) for first in firsts if first[:1] == ["#bind"]}


def _put(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        write_private(path, data, durable=False)


def _whole(wanted: Wanted, servers: Mapping[str, Server]) -> str:
    service = wanted.service
    lines = [f"    server {name} {server.line()}" for name, server in servers.items()]
    lines.append(f"    {config.room_server(service)}")
    return f"#bind {service.host} {service.port}\n{wanted.section()}" + "\n".join(lines) + "\n"
