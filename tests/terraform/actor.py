"""Does at an emulated cloud what the engine has told the provider to do: the part of a plug-in that makes instances.

The engine evaluates the module and decides what to make and to destroy; `ActingProvisioner` then makes the calls that
the real plug-in makes, with the values that the engine handed over. What is shared has no place in the emulators.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kyc.domain.deployment import Deployment
from kyc.domain.errors import CapacityUnavailableError, QuotaError
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.ports.provisioner import Ground, OnLine, Provisioned
from tests.emulators.arm import SUBSCRIPTION, Arm
from tests.emulators.compute import Compute
from tests.emulators.http import Request, Response
from tests.terraform.stand import Stand

Act = Callable[[str, Mapping[str, Any]], None]
_VERSION = {"api-version": "2024-07-01"}


@dataclass
class ActingProvisioner:
    """The stand's provisioner, and then `make` and `destroy` for each resource that it told of."""

    stand: Stand
    make: Act
    destroy: Act

    async def converge(
        self, deployment: Deployment, user_data: Mapping[InstanceId, str], on_line: OnLine
    ) -> Provisioned:
        done = await self.stand.provisioner.converge(deployment, user_data, on_line)
        for one in self.stand.told():
            if "made" in one:
                self.make(one["made"], one["with"])
            else:
                self.destroy(one["destroyed"], one)
        return done

    async def deployments(self) -> frozenset[DeploymentId]:
        return await self.stand.provisioner.deployments()

    async def prepare(self, ground: Ground, on_line: OnLine) -> None:
        await self.stand.provisioner.prepare(ground, on_line)

    async def release(self, ground: Ground, on_line: OnLine) -> None:
        await self.stand.provisioner.release(ground, on_line)

    async def grounds(self) -> frozenset[Ground]:
        return await self.stand.provisioner.grounds()


def acting_at_compute(stand: Stand, compute: Compute) -> ActingProvisioner:
    """Act at an emulated Compute Engine."""
    zones: dict[str, str] = {}

    def make(kind: str, given: Mapping[str, Any]) -> None:
        if kind != "google_compute_instance":
            return
        zones[given["name"]] = given["zone"]
        [scheduling] = given["scheduling"]
        body = {
            "name": given["name"],
            "machineType": f"zones/{given['zone']}/machineTypes/{given['machine_type']}",
            "labels": given["labels"],
            "scheduling": {
                "provisioningModel": scheduling["provisioning_model"],
                "automaticRestart": scheduling["automatic_restart"],
                "instanceTerminationAction": scheduling.get("instance_termination_action", ""),
            },
            "disks": [{"boot": True, "autoDelete": one["auto_delete"]} for one in given["boot_disk"]],
            "networkInterfaces": [
                {"accessConfigs": one.get("access_config", [])} for one in given["network_interface"]
            ],
        }
        path = f"/compute/v1/projects/p/zones/{given['zone']}/instances"
        _accepted(compute(_request("POST", path, body)))

    def destroy(kind: str, told: Mapping[str, Any]) -> None:
        if kind == "google_compute_instance":
            path = f"/compute/v1/projects/p/zones/{zones[told['name']]}/instances/{told['name']}"
            compute(_request("DELETE", path))  # 404 for one that is gone, which is what was wanted

    return ActingProvisioner(stand, make, destroy)


_TYPES = {
    "azurerm_public_ip": "Microsoft.Network/publicIPAddresses",
    "azurerm_network_interface": "Microsoft.Network/networkInterfaces",
    "azurerm_linux_virtual_machine": "Microsoft.Compute/virtualMachines",
}


def acting_at_arm(stand: Stand, arm: Arm) -> ActingProvisioner:
    """Act at an emulated Resource Manager."""
    groups: dict[str, str] = {}

    def path(kind: str, name: str) -> str:
        return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{groups[name]}/providers/{_TYPES[kind]}/{name}"

    def make(kind: str, given: Mapping[str, Any]) -> None:
        if kind == "azurerm_resource_group":
            group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{given['name']}"
            _accepted(arm(_request("PUT", group, {"location": given["location"], "tags": given["tags"]}, _VERSION)))
        if kind in _TYPES:
            groups[given["name"]] = given["resource_group_name"]
            body = {"location": given["location"], "tags": given["tags"], "properties": _properties(kind, given, path)}
            _accepted(arm(_request("PUT", path(kind, given["name"]), body, _VERSION)))

    def destroy(kind: str, told: Mapping[str, Any]) -> None:
        if kind in _TYPES:
            arm(_request("DELETE", path(kind, told["name"]), query=_VERSION))
        if kind == "azurerm_linux_virtual_machine":  # its disk goes with it: delete_os_disk_on_deletion
            disk = path(kind, told["name"]).replace("virtualMachines", "disks")
            arm(_request("DELETE", disk, query=_VERSION))

    return ActingProvisioner(stand, make, destroy)


def _properties(kind: str, given: Mapping[str, Any], path: Callable[[str, str], str]) -> dict[str, Any]:
    name = given["name"]
    if kind == "azurerm_network_interface":
        [configuration] = given["ip_configuration"]
        public = configuration.get("public_ip_address_id")
        reference = {"publicIPAddress": {"id": path("azurerm_public_ip", name)}} if public else {}
        return {"ipConfigurations": [{"name": configuration["name"], "properties": reference}]}
    if kind == "azurerm_linux_virtual_machine":
        [disk] = given["os_disk"]
        return {
            "priority": given["priority"],
            "evictionPolicy": given.get("eviction_policy"),
            "networkProfile": {"networkInterfaces": [{"id": path("azurerm_network_interface", name)}]},
            "storageProfile": {"osDisk": {"name": disk["name"], "createOption": "FromImage"}},
        }
    return {}


def _request(method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Request:
    content = b"" if body is None else json.dumps(body).encode()
    return Request(method, path, query or {}, {"authorization": "Bearer good"}, content)


def _accepted(answer: Response) -> None:
    if answer.status < 400:
        return
    said = str(answer.body["error"]["message"])
    raise (QuotaError if "uota" in said else CapacityUnavailableError)(said)
