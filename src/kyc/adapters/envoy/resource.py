"""A service as Envoy's resources (xDS v3): pure, from the port's values to what is written as JSON.

A cluster names the file of its endpoints, a route its cluster, a listener the file of its routes. Of the routes there
are two kinds: the usual ones, and those that ask the waiting room first (an external authorisation that answers when
an endpoint is there). Which of them holds is the route file's matter alone, so that no listener has to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kyc.domain.service import Balance, EndpointState
from kyc.hosting.door import Pem
from kyc.ports.edge import ERRORS_IN_A_ROW, INSTANCE_DOMAIN, EdgeEndpoint, EdgeService

Json = Mapping[str, object]
ROOM = "kyc.waiting-room"  # its cluster, and the filter that asks it; no service can have its name
_TYPE = "type.googleapis.com/envoy."
_HTTP = f"{_TYPE}extensions.filters.http"
_UPSTREAM_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_COOKIE = "kyc-sticky"
_HEADERS_KB = 128
_MANY = 100_000  # connections and requests: what a kernel bears, not what one application should get
_POLICIES = {
    Balance.LEAST_REQUEST: "LEAST_REQUEST",
    Balance.ROUND_ROBIN: "ROUND_ROBIN",
    Balance.STICKY: "RING_HASH",
}
# What may be sent again: anything that did not reach a replica; a safe request also if the replica died over it.
_RETRY = {True: "connect-failure,refused-stream,reset", False: "connect-failure,refused-stream,reset-before-request"}
_SAFE_METHODS = "GET|HEAD|OPTIONS"
_PLAIN: Json = {  # an endpoint so marked is reached without the TLS of its cluster
    "name": "plain",
    "match": {"plain": True},
    "transport_socket": {
        "name": "envoy.transport_sockets.raw_buffer",
        "typed_config": {"@type": f"{_TYPE}extensions.transport_sockets.raw_buffer.v3.RawBuffer"},
    },
}


def read_from(path: Path) -> Json:
    """Return the source of a resource that lies in a file."""
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def cluster(service: EdgeService, *, endpoints: Path, secrets: Mapping[str, Path]) -> Json:
    """Return how the replicas are reached and chosen. `secrets`: the files of its upstream certificates, by name."""
    chosen: dict[str, object] = {"healthy_panic_threshold": {"value": 0}}  # else what drains would get requests again
    if service.balance is not Balance.LEAST_REQUEST:  # that one compares all replicas, whatever instance they are on
        chosen["locality_weighted_lb_config"] = {}
    made: dict[str, object] = {
        "@type": f"{_TYPE}config.cluster.v3.Cluster",
        "name": service.name,
        "type": "EDS",
        "connect_timeout": "1s",
        "lb_policy": _POLICIES[service.balance],
        "eds_cluster_config": {"eds_config": read_from(endpoints)},
        "common_lb_config": chosen,
        "circuit_breakers": _limits(service),
        "outlier_detection": _OUTLIERS,
        "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": 10, "keepalive_interval": 3}},
        "typed_extension_protocol_options": {_UPSTREAM_HTTP: _upstream_protocol(service)},
    }
    if service.balance is Balance.LEAST_REQUEST:
        made["least_request_lb_config"] = {"choice_count": 4}
    if service.upstream_tls is not None:
        made["transport_socket"] = _upstream_tls(service, secrets)
        made["transport_socket_matches"] = [_PLAIN]
    return made


def endpoints(service: EdgeService) -> Json:
    """Return where the replicas are: a locality for each instance, weighing as much as what is up there.

    Where all replicas are compared whatever instance they are on, a locality for each zone does: thousands of
    localities take Envoy three times as long as thousands of endpoints.
    """
    by_instance = service.balance is not Balance.LEAST_REQUEST
    localities: dict[tuple[str, str], list[EdgeEndpoint]] = {}
    for each in service.endpoints:
        key = each.endpoint.zone, each.endpoint.instance_id if by_instance else ""
        localities.setdefault(key, []).append(each)
    found = [_locality(at, group, named=service.names_replica) for at, group in localities.items()]
    return {
        "@type": f"{_TYPE}config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": service.name,
        "endpoints": found if service.is_up else [*found, _NOBODY],
    }


def routes(service: EdgeService, *, waits: bool) -> Json:
    """Return what is done with a request; with `waits` it asks the waiting room first."""
    host: dict[str, object] = {
        "name": service.name,
        "domains": ["*"],
        "routes": [_route(service, is_safe=True), _route(service, is_safe=False)],
    }
    if service.names_replica:
        host["response_headers_to_add"] = [_told("X-Kyc-Instance", "instance"), _told("X-Kyc-Replica", "replica")]
    if waits:
        asked = {"@type": f"{_HTTP}.ext_authz.v3.ExtAuthzPerRoute", "check_settings": {}}
        host["typed_per_filter_config"] = {ROOM: asked}
    return {
        "@type": f"{_TYPE}config.route.v3.RouteConfiguration",
        "name": service.name,
        "virtual_hosts": [host],
        # Envoy's own way puts its address for that of a client on this machine.
        "request_headers_to_add": [
            _header("X-Forwarded-For", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "APPEND_IF_EXISTS_OR_ADD"),
            _header("X-Forwarded-Host", "%REQ(:AUTHORITY)%", "ADD_IF_ABSENT"),
        ],
        "request_headers_to_remove": ["x-envoy-external-address"],
    }


def listener(service: EdgeService, *, routes: Path, secret: Path | None) -> Json:
    """Return where the service is reached. `secret`: the file of its certificate, where it has one."""
    connections = {
        "@type": f"{_TYPE}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": service.name,
        "codec_type": "AUTO",
        "rds": {"route_config_name": service.name, "config_source": read_from(routes)},
        "http_filters": [_room_filter(service), {"name": "router", "typed_config": _ROUTER}],
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http2_protocol_options": {"allow_connect": True},
        "common_http_protocol_options": {"idle_timeout": _seconds(service), "max_headers_count": 500},
        "stream_idle_timeout": _seconds(service),
        "request_headers_timeout": "60s",
        "max_request_headers_kb": _HEADERS_KB,
        "use_remote_address": True,
        "skip_xff_append": True,
        "local_reply_config": {"mappers": [_nobody_there(service)]},
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
    }
    chain: dict[str, object] = {"filters": [{"name": "http", "typed_config": connections}]}
    if secret is not None:
        chain["transport_socket"] = _downstream_tls(service, secret)
    return {
        "@type": f"{_TYPE}config.listener.v3.Listener",
        "name": service.name,
        "address": {"socket_address": {"address": service.host, "port_value": service.port}},
        "filter_chains": [chain],
    }


def certificate(name: str, pem: Pem) -> Json:
    """Return a certificate with its key."""
    pair = {"certificate_chain": {"inline_string": pem.chain}, "private_key": {"inline_string": pem.key}}
    return {"@type": f"{_TYPE}extensions.transport_sockets.tls.v3.Secret", "name": name, "tls_certificate": pair}


def authority(name: str, pem: str) -> Json:
    """Return who must have signed the replicas' certificates; only an instance's will do, not the edge's own."""
    names = [{"san_type": "DNS", "matcher": {"suffix": INSTANCE_DOMAIN}}]
    context = {"trusted_ca": {"inline_string": pem}, "match_typed_subject_alt_names": names}
    return {"@type": f"{_TYPE}extensions.transport_sockets.tls.v3.Secret", "name": name, "validation_context": context}


def _locality(at: tuple[str, str], group: Sequence[EdgeEndpoint], *, named: bool) -> Json:
    up = sum(each.endpoint.weight for each in group if each.state is EndpointState.UP)
    made: dict[str, object] = {
        "locality": {"zone": at[0], "sub_zone": at[1]},
        "lb_endpoints": [_endpoint(each, named=named) for each in group],
    }
    if up:
        made["load_balancing_weight"] = up
    return made


def _endpoint(each: EdgeEndpoint, *, named: bool) -> Json:
    at = each.endpoint
    address = {"socket_address": {"address": at.host, "port_value": at.port}}
    made: dict[str, object] = {"endpoint": {"address": address}}
    if at.weight != 1:
        made["load_balancing_weight"] = at.weight
    if each.state is EndpointState.DRAINING:
        made["health_status"] = "DRAINING"
    known: dict[str, object] = {}
    if named:
        known["kyc"] = {"instance": at.instance_id, "replica": at.replica_id}
    if each.plain:
        known["envoy.transport_socket_match"] = _PLAIN["match"]
    if known:
        made["metadata"] = {"filter_metadata": known}
    return made


def _route(service: EdgeService, *, is_safe: bool) -> Json:
    match: dict[str, object] = {"prefix": "/"}
    if is_safe:
        match["headers"] = [{"name": ":method", "string_match": {"safe_regex": {"regex": _SAFE_METHODS}}}]
    action: dict[str, object] = {
        "cluster": service.name,
        "timeout": "0s",
        "idle_timeout": _seconds(service),
        "retry_policy": {**_RETRIES, "retry_on": _RETRY[is_safe]},
    }
    if service.balance is Balance.STICKY:
        action["hash_policy"] = [{"cookie": {"name": _COOKIE, "ttl": "0s", "path": "/"}}]
    return {"match": match, "route": action}


def _room_filter(service: EdgeService) -> Json:
    # Whatever the room answers, and also if it is gone with its master, the request goes on: if no endpoint is there by
    # then, that is its answer.
    patience_s = service.wait.total_seconds() + 5  # the room answers in time; this is for one that hangs
    asked = {"uri": "http://room", "cluster": ROOM, "timeout": f"{patience_s:.3f}s"}
    config = {
        "@type": f"{_HTTP}.ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3",
        "http_service": {"server_uri": asked, "path_prefix": f"/{service.name}"},
        "failure_mode_allow": True,
    }
    return {"name": ROOM, "disabled": True, "typed_config": config}


def _nobody_there(service: EdgeService) -> Json:
    """Return what is added to the answer that no endpoint is up (for long enough), can be reached, or has room."""
    return {
        "filter": {"response_flag_filter": {"flags": ["UH", "UF", "UO"]}},
        "headers_to_add": [_header("Retry-After", str(service.retry_after_s), "OVERWRITE_IF_EXISTS_OR_ADD")],
    }


def _upstream_protocol(service: EdgeService) -> Json:
    version: Json = {"http_protocol_options": {}}
    if service.upstream_http2:
        most = service.most_in_flight
        version = {"http2_protocol_options": {} if most is None else {"max_concurrent_streams": most}}
    # Connections are given up before common servers close theirs (2 s and more), or a request would meet the end.
    limits = {"idle_timeout": "1.5s", "max_headers_count": 500, "max_response_headers_kb": _HEADERS_KB}
    return {
        "@type": f"{_TYPE}extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": limits,
        "explicit_http_config": version,
    }


def _upstream_tls(service: EdgeService, secrets: Mapping[str, Path]) -> Json:
    mine, theirs = f"{service.name}.upstream", f"{service.name}.authority"
    common: dict[str, object] = {"tls_certificate_sds_secret_configs": [_secret(mine, secrets[mine])]}
    if theirs in secrets:
        common["validation_context_sds_secret_config"] = _secret(theirs, secrets[theirs])
    if service.upstream_http2:
        common["alpn_protocols"] = ["h2"]
    context = {"@type": f"{_TYPE}extensions.transport_sockets.tls.v3.UpstreamTlsContext", "common_tls_context": common}
    return {"name": "tls", "typed_config": context}


def _downstream_tls(service: EdgeService, secret: Path) -> Json:
    common = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificate_sds_secret_configs": [_secret(service.name, secret)],
    }
    kind = f"{_TYPE}extensions.transport_sockets.tls.v3.DownstreamTlsContext"
    return {"name": "tls", "typed_config": {"@type": kind, "common_tls_context": common}}


def _secret(name: str, path: Path) -> Json:
    return {"name": name, "sds_config": read_from(path)}


def _limits(service: EdgeService) -> Json:
    """Return how much there may be at once: of the service what a kernel bears, of one endpoint what was asked for.

    An HTTP/1.1 connection has one request at once, one of HTTP/2 as many streams as it says. A worker thread without a
    connection to an endpoint always gets one.
    """
    kinds = ("max_connections", "max_pending_requests", "max_requests")
    whole: dict[str, object] = {**dict.fromkeys(kinds, _MANY), "max_retries": 1000}
    if service.most_in_flight is None:
        return {"thresholds": [whole]}
    connections = 1 if service.upstream_http2 else service.most_in_flight
    return {
        "thresholds": [whole | {"max_pending_requests": service.most_waiting}],
        "per_host_thresholds": [{"max_connections": connections}],
    }


def _told(header: str, key: str) -> Json:
    return _header(header, f"%UPSTREAM_METADATA(kyc:{key})%", "OVERWRITE_IF_EXISTS_OR_ADD")


def _header(name: str, value: str, action: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": action}


def _seconds(service: EdgeService) -> str:
    return f"{service.idle_timeout.total_seconds():.3f}s"


_ROUTER = {"@type": f"{_HTTP}.router.v3.Router", "suppress_envoy_headers": True, "dynamic_stats": False}
# Where nobody ever listens. A request whose replica has just died, the only one, is tried on until there is another: a
# cluster without any endpoint would end it at once.
_NOBODY = {
    "locality": {"zone": "", "sub_zone": "nobody"},
    "lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": "@kyc.nobody"}}}}],
    "load_balancing_weight": 1,
}
_PREVIOUS = {"@type": f"{_TYPE}extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"}
_RETRIES = {  # spread over two seconds, in which a replica can be started again
    "num_retries": 7,
    "retry_host_predicate": [{"name": "previous_hosts", "typed_config": _PREVIOUS}],
    "host_selection_retry_max_attempts": 5,
    "retry_back_off": {"base_interval": "0.05s", "max_interval": "2s"},
}
# A safety net: a replica that refuses connections, or answers nothing but 5xx, is left alone for two seconds and more.
_OUTLIERS = {
    "split_external_local_origin_errors": True,
    "consecutive_5xx": ERRORS_IN_A_ROW,
    "enforcing_consecutive_5xx": 100,
    "consecutive_local_origin_failure": 3,
    "enforcing_consecutive_local_origin_failure": 100,
    "enforcing_local_origin_success_rate": 0,
    "enforcing_success_rate": 0,
    "enforcing_consecutive_gateway_failure": 0,
    "interval": "1s",
    "base_ejection_time": "2s",
    "max_ejection_time": "10s",
    "max_ejection_percent": 50,
}
