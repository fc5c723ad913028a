"""What an account of Azure must be allowed to do, and whether it is. Pure.

Azure tells the actions of the caller's roles, as patterns with `*`, less the patterns of `notActions`; deny assignments
it does not tell here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

from kyc.adapters.azure.settings import AzureSettings

NEEDED = {
    "Microsoft.Compute/virtualMachines/read": "to see what runs and what was left behind",
    "Microsoft.Compute/virtualMachines/write": "to launch instances",
    "Microsoft.Compute/virtualMachines/delete": "to end instances, and orphans",
    "Microsoft.Compute/virtualMachines/powerOff/action": "to stop an instance at once",
    "Microsoft.Compute/disks/read": "to see the instances' disks",
    "Microsoft.Compute/disks/write": "for the instances' disks",
    "Microsoft.Compute/disks/delete": "to take the disks away with their instances",
    "Microsoft.Network/networkInterfaces/read": "to learn an instance's address",
    "Microsoft.Network/networkInterfaces/write": "to connect an instance",
    "Microsoft.Network/networkInterfaces/join/action": "to connect an instance",
    "Microsoft.Network/networkInterfaces/delete": "to take the interface away with its instance",
    "Microsoft.Network/virtualNetworks/subnets/read": "to find the subnet",
    "Microsoft.Network/virtualNetworks/subnets/join/action": "to connect instances to the subnet",
    "Microsoft.Resources/subscriptions/resourceGroups/read": "to see the group that our resources are in",
    "Microsoft.Resources/subscriptions/resourceGroups/write": "to make that group",
    "Microsoft.Resources/subscriptions/resourceGroups/delete": "to take it away when nothing uses it",
}
_PUBLIC_IP = {
    "Microsoft.Network/publicIPAddresses/read": "to learn an instance's address",
    "Microsoft.Network/publicIPAddresses/write": "to give an instance a public address",
    "Microsoft.Network/publicIPAddresses/join/action": "to give an instance a public address",
    "Microsoft.Network/publicIPAddresses/delete": "to take the address away with its instance",
}
_OWN_NETWORK = {
    "Microsoft.Network/virtualNetworks/read": "to see the instances' network",
    "Microsoft.Network/virtualNetworks/write": "to make the instances' network",
    "Microsoft.Network/virtualNetworks/delete": "to take it away when nothing uses it",
    "Microsoft.Network/virtualNetworks/subnets/write": "to make the subnet",
    "Microsoft.Network/virtualNetworks/subnets/delete": "to take the subnet away",
    "Microsoft.Network/networkSecurityGroups/read": "to see who may come in",
    "Microsoft.Network/networkSecurityGroups/write": "to say who may come in",
    "Microsoft.Network/networkSecurityGroups/join/action": "to apply that to the subnet",
    "Microsoft.Network/networkSecurityGroups/delete": "to take the rules away",
    "Microsoft.Network/networkSecurityGroups/securityRules/read": "to see who may come in",
    "Microsoft.Network/networkSecurityGroups/securityRules/write": "to let SSH in",
    "Microsoft.Network/networkSecurityGroups/securityRules/delete": "to take the rule away",
}
WANTED = {
    "Microsoft.Compute/virtualMachines/simulateEviction/action": "to have an instance interrupted on demand",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action": "to give work a managed identity (role:)",
}


def needed_rights(settings: AzureSettings) -> dict[str, str]:
    """Return the actions without which the account cannot be used, with what each is for."""
    return {**NEEDED, **_PUBLIC_IP, **({} if settings.subnet_id else _OWN_NETWORK)}


def is_granted(permissions: Sequence[Mapping[str, Any]], action: str) -> bool:
    """Say whether one of the permissions, each with `actions` and `notActions`, grants the action."""
    return any(
        _matches(action, permission.get("actions") or []) and not _matches(action, permission.get("notActions") or [])
        for permission in permissions
    )


def role(subscription_id: str, actions: Sequence[str]) -> dict[str, object]:
    """Return the least role, for `az role definition create --role-definition FILE`."""
    return {
        "Name": "Keep Your Cost",
        "Description": "What kyc needs to run work on instances of its own.",
        "Actions": sorted(actions),
        "NotActions": [],
        "AssignableScopes": [f"/subscriptions/{subscription_id}"],
    }


def _matches(action: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(action.lower(), pattern.lower()) for pattern in patterns)
