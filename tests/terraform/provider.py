"""A Terraform provider with a true schema and no cloud behind it.

Started by `python -m tests.terraform.provider google SOCKET LOG`.

Terraform and OpenTofu talk to it as to the real one (plug-in protocol 5, TF_REATTACH_PROVIDERS), so that they
themselves hold a module against the schema: every resource, block, argument, type and count. What is applied is
written to LOG, a JSON object a line; what a cloud would compute is made up from the resource's name.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import msgspec

from tests.emulators.arm import SUBSCRIPTION
from tests.terraform.schema import Fields, is_block, load, schema
from tests.terraform.wire import decoded, encoded

Message = dict[int, list[Any]]
UNKNOWN = msgspec.msgpack.Ext(0, b"\0")
_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{{resource_group_name}}/providers"
_NETWORK = f"{_GROUP}/Microsoft.Network"
_RULES = f"{_NETWORK}/networkSecurityGroups/{{network_security_group_name}}"
_PATHS = {  # the ids that the real providers give
    "google_compute_instance": "projects/p/zones/{zone}/instances/{name}",
    "google_compute_network": "projects/p/global/networks/{name}",
    "google_compute_subnetwork": "projects/p/regions/{region}/subnetworks/{name}",
    "google_compute_firewall": "projects/p/global/firewalls/{name}",
    "azurerm_resource_group": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{{name}}",
    "azurerm_virtual_network": f"{_NETWORK}/virtualNetworks/{{name}}",
    "azurerm_subnet": f"{_NETWORK}/virtualNetworks/{{virtual_network_name}}/subnets/{{name}}",
    "azurerm_network_security_group": f"{_NETWORK}/networkSecurityGroups/{{name}}",
    "azurerm_network_security_rule": f"{_RULES}/securityRules/{{name}}",
    "azurerm_subnet_network_security_group_association": "{subnet_id}",
    "azurerm_public_ip": f"{_NETWORK}/publicIPAddresses/{{name}}",
    "azurerm_network_interface": f"{_NETWORK}/networkInterfaces/{{name}}",
    "azurerm_linux_virtual_machine": f"{_GROUP}/Microsoft.Compute/virtualMachines/{{name}}",
}


class Provider:
    """Answers the plug-in protocol's calls."""

    def __init__(self, name: str, log: Path) -> None:
        stored = load(name)
        self._resources: Mapping[str, Fields] = stored["resource"]
        self._data: Mapping[str, Fields] = stored["data"]
        self._configuration: Fields = stored["configuration"]
        self._log = log

    def calls(self) -> dict[str, Callable[[Message], bytes]]:
        """Return what is answered, by the call's name."""
        return {
            "GetSchema": self._schema,
            "PrepareProviderConfig": lambda asked: encoded((1, asked[1][0])),
            "ValidateResourceTypeConfig": lambda _asked: b"",
            "ValidateDataSourceConfig": lambda _asked: b"",
            "Configure": lambda _asked: b"",
            "UpgradeResourceState": self._upgraded,
            "ReadResource": lambda asked: encoded((1, asked[2][0])),
            "PlanResourceChange": self._planned,
            "ApplyResourceChange": self._applied,
            "Stop": lambda _asked: b"",
        }

    def _schema(self, _asked: Message) -> bytes:
        resources = [(2, encoded((1, name), (2, schema(fields)))) for name, fields in self._resources.items()]
        data = [(3, encoded((1, name), (2, schema(fields)))) for name, fields in self._data.items()]
        return encoded((1, schema(self._configuration)), *resources, *data)

    def _upgraded(self, asked: Message) -> bytes:
        state = json.loads(decoded(asked[3][0])[1][0])
        return encoded((1, _dynamic(state)))

    def _planned(self, asked: Message) -> bytes:
        fields = self._resources[asked[1][0].decode()]
        proposed, prior = _value(asked[3]), _value(asked[2])
        if proposed is not None and prior is None:
            proposed = _with_unknown(fields, proposed)
        return encoded((1, _dynamic(proposed)), (5, 1))

    def _applied(self, asked: Message) -> bytes:
        kind = asked[1][0].decode()
        planned, config = _value(asked[3]), _value(asked[4])
        if planned is None:
            prior = _value(asked[2])
            self._tell({"destroyed": kind, "name": prior.get("name")})
            return encoded((1, _dynamic(None)), (4, 1))
        made = _made(kind, self._resources[kind], planned)
        self._tell({"made": kind, "with": _given(config)})
        return encoded((1, _dynamic(made)), (4, 1))

    def _tell(self, what: Mapping[str, Any]) -> None:
        with self._log.open("a") as log:
            log.write(json.dumps(what) + "\n")


def _value(messages: list[Any]) -> Any:
    return msgspec.msgpack.decode(decoded(messages[0])[1][0])


def _dynamic(value: Any) -> bytes:
    return encoded((1, msgspec.msgpack.encode(value)))


def _with_unknown(fields: Fields, value: dict[str, Any]) -> dict[str, Any]:
    """Return the value with all that the provider computes, and nobody gave, as unknown."""
    out: dict[str, Any] = {}
    for name, field in fields.items():
        given = value.get(name)
        if is_block(field):
            blocks = given if isinstance(given, list) else []
            out[name] = [_with_unknown(field["fields"], one) for one in blocks] if isinstance(given, list) else given
        elif given is None and isinstance(field, dict) and "computed" in field["is"]:
            out[name] = UNKNOWN
        else:
            out[name] = given
    return out


def _made(kind: str, fields: Fields, planned: dict[str, Any]) -> dict[str, Any]:
    """Return the planned value with what was unknown made up."""
    out: dict[str, Any] = {}
    for name, field in fields.items():
        value = planned.get(name)
        if is_block(field):
            out[name] = [_made("", field["fields"], one) for one in value] if isinstance(value, list) else value
        elif isinstance(value, msgspec.msgpack.Ext):
            out[name] = _computed(kind, name, field["type"], planned)
        else:
            out[name] = value
    return out


def _computed(kind: str, name: str, type_: Any, planned: dict[str, Any]) -> Any:
    if type_ != "string":
        return {"number": 0, "bool": False}.get(type_) if isinstance(type_, str) else None
    if name in {"id", "self_link"} and kind in _PATHS:  # a block within has no kind
        return _PATHS[kind].format(**{key: value for key, value in planned.items() if isinstance(value, str)})
    return f"<{name}>"


def _given(config: Any) -> Any:
    """Return a configuration without what is not set, as JSON."""
    if isinstance(config, dict):
        kept = {name: _given(value) for name, value in config.items()}
        return {name: value for name, value in kept.items() if value not in (None, [], {})}
    if isinstance(config, list):
        return [_given(one) if one != {} else {} for one in config]
    return "<unknown>" if isinstance(config, msgspec.msgpack.Ext) else config


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, calls: Mapping[str, Callable[[Message], bytes]]) -> None:
        self._calls = calls

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        service, _, name = details.method.strip("/").partition("/")
        call = self._calls.get(name) if service == "tfplugin5.Provider" else None
        if call is None:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda message, _context: call(decoded(message)))


def main(name: str, socket: str, log: str) -> None:
    """Serve until told to end; say `ready` once it listens."""
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 64 << 20)])
    server.add_generic_rpc_handlers((_Handler(Provider(name, Path(log)).calls()),))
    if not server.add_insecure_port(f"unix:{socket}"):
        raise OSError(f"cannot listen on {socket}")
    server.start()
    print("ready", os.getpid(), flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
