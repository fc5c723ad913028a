"""A service as HAProxy's configuration: pure text. Servers are lines of their own, for most changes concern only them.

A draining endpoint is a server of weight 0. A server's name says instance, replica and address, so that a replica that
moved is another server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from kyc.domain.service import Balance, EndpointState
from kyc.ports.edge import INSTANCE_DOMAIN, EdgeEndpoint, EdgeService

COOKIE = "kyc-sticky"
ROOM = "kyc-room"  # the server, the last of every backend, that leads to where requests wait
STATS_SOCKET, MASTER_SOCKET, LOG_SOCKET = "stats.sock", "master.sock", "log.sock"
_MOST_WEIGHT = 256
_CHECKED = "check inter 1s fastinter 250ms fall 2 rise 1 observe layer4 error-limit 3 on-error mark-down"
# Whose time is not told: of few requests none, of many all but a hundred or so a second.
_UNTIMED = "{ fe_req_rate gt 200 } !{ rand(20) lt 1 } or { fe_req_rate gt 4000 } !{ rand(20) lt 1 }"
_BALANCE = {
    Balance.LEAST_REQUEST: ["balance leastconn"],
    Balance.ROUND_ROBIN: ["balance roundrobin"],
    Balance.STICKY: [
        "balance hash var(txn.kyc_client)",
        "hash-type consistent",
        f"http-request set-var(txn.kyc_client) req.cook({COOKIE})",
        "http-request set-var(txn.kyc_new) uuid() unless { var(txn.kyc_client) -m found }",
        "http-request set-var(txn.kyc_client) var(txn.kyc_new) if { var(txn.kyc_new) -m found }",
        f'http-response add-header Set-Cookie "{COOKIE}=%[var(txn.kyc_new)]; Path=/; HttpOnly"'
        f" if {{ var(txn.kyc_new) -m found }} !{{ srv_name {ROOM} }}",
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An endpoint as HAProxy has it: its weight, and what else it was made with."""

    weight: int
    address: str
    options: str

    def line(self) -> str:
        """Return how it is written in the configuration and after `add server`."""
        return f"{self.address} weight {self.weight} {self.options}".rstrip()


def global_section(*, structure: str, threads: int) -> str:
    """Return what holds for all services; `structure` names this configuration. Paths are relative to its folder."""
    return f"""\
global
    description {structure}
    stats socket unix@{STATS_SOCKET} mode 600 level admin expose-fd listeners
    nbthread {threads}
    tune.http.maxhdr 500
    lua-load wait.lua
    hard-stop-after 1h
    log unix@{LOG_SOCKET} len 256 format raw local0

defaults
    mode http
    log global
    maxconn 100000
    timeout connect 1s
    timeout http-request 60s
    option http-keep-alive
    option idle-close-on-response
    option abortonclose
    http-reuse safe
    option redispatch 1
    retries 3
    retry-on conn-failure empty-response
    option forwardfor
    log-format "%f %Ta %s %ST %ts"
"""


def service_section(service: EdgeService, certificate: str | None) -> str:
    """Return the service's frontend and backend, without its servers."""
    name, idle_ms = service.name, _idle_ms(service)
    tls = f" ssl crt {certificate} alpn h2,http/1.1" if certificate else ""
    at = f"[{service.host}]" if ":" in service.host else service.host
    scheme = "https" if certificate else "http"
    again = f"hdr Retry-After {service.retry_after_s}"
    refusal = f'status 503 content-type text/plain string "no replica can take it\\n" {again}'
    front = [
        f"frontend {name}",
        f"bind {at}:{service.port}{tls}",
        f"timeout client {idle_ms}ms",
        f"http-request set-header X-Forwarded-Proto {scheme}",
        "http-request add-header X-Forwarded-Host %[req.fhdr(host)] unless { req.fhdr(x-forwarded-host) -m found }",
        f"http-request set-log-level silent if {_UNTIMED}",
        f"default_backend {name}",
    ]
    back = [
        f"backend {name}",
        f"timeout server {idle_ms}ms",
        f"timeout tunnel {idle_ms}ms",
        f"http-error {refusal}",
        f"use-server {ROOM} if {{ stopping }}",  # its servers are not told any more who comes and goes
        *_BALANCE[service.balance],
        "http-request disable-l7-retry unless { method GET HEAD OPTIONS }",
    ]
    if service.most_in_flight is not None:
        full = f"{{ be_conn_free({name}) eq 0 }} {{ queue({name}) ge {service.most_waiting} }}"
        back += [
            f"timeout queue {max(1, round(service.wait.total_seconds() * 1000))}ms",
            f"http-request return {refusal} if {full}",
        ]
    if service.names_replica:
        back += [
            f"http-response set-header X-Kyc-Instance %[srv_name,field(1,:)] unless {{ srv_name {ROOM} }}",
            f"http-response set-header X-Kyc-Replica %[srv_name,field(2,:)] unless {{ srv_name {ROOM} }}",
        ]
    return "\n\n".join("\n    ".join(part) for part in (front, _room(service), back)) + "\n"


def _room(service: EdgeService) -> list[str]:
    """Return where requests come, by the last server of their backend, that find no other: they wait, then try again.

    So does one whose only replica died over its retries. From a worker that ends all come here, in the next one.
    """
    name = service.name
    waits = f"{name} {service.wait.total_seconds():.3f} {service.most_waiting} {service.retry_after_s}"
    return [
        f"frontend {name}:room",
        f"bind {_room_socket(service)} mode 600{' proto h2' if service.upstream_http2 else ''}",
        "no log",
        f"timeout client {_idle_ms(service)}ms",
        f"http-request lua.kyc_wait {waits}",
        f"default_backend {name}",
    ]


def room_server(service: EdgeService) -> str:
    """Return the line of the server that leads to where requests wait."""
    protocol = " proto h2" if service.upstream_http2 else ""
    return f"server {ROOM} {_room_socket(service)} backup pool-max-conn 0{protocol}"


def _room_socket(service: EdgeService) -> str:
    return f"unix@{service.name}.room"


def _idle_ms(service: EdgeService) -> int:
    return round(service.idle_timeout.total_seconds() * 1000)


def servers(service: EdgeService, upstream: str | None, authority: str | None) -> dict[str, Server]:
    """Return the service's servers by name."""
    most = max((each.endpoint.weight for each in service.endpoints), default=1)
    scale = min(1.0, _MOST_WEIGHT / most)
    made = (_server(service, each, upstream, authority, scale) for each in service.endpoints)
    return dict(made)


def structure_of(sections: Mapping[str, str]) -> str:
    """Return the name of a configuration with these sections."""
    made = blake2b(digest_size=8)
    for name in sorted(sections):
        made.update(sections[name].encode())
    return f"kyc-{made.hexdigest()}"


def _server(
    service: EdgeService, each: EdgeEndpoint, upstream: str | None, authority: str | None, scale: float
) -> tuple[str, Server]:
    at = each.endpoint
    host = f"[{at.host}]" if ":" in at.host else at.host
    address = f"{host}:{at.port}"
    place = blake2b(address.encode(), digest_size=4).hexdigest()
    options = [_CHECKED] if service.most_in_flight is None else [_CHECKED, f"maxconn {service.most_in_flight}"]
    if upstream and not each.plain:
        trust = f"verify required ca-file {authority} verifyhost {at.instance_id}{INSTANCE_DOMAIN}"
        options.append(f"ssl crt {upstream} {trust if authority else 'verify none'}")
        options.append("check-ssl" + (" alpn h2" if service.upstream_http2 else ""))
    elif service.upstream_http2:
        options.append("proto h2")
    weight = max(1, round(at.weight * scale)) if each.state is EndpointState.UP else 0
    return f"{at.instance_id}:{at.replica_id}:{place}", Server(
        weight=weight, address=address, options=" ".join(options)
    )
