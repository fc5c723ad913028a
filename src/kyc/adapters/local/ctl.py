"""What Terraform runs to launch and end an instance of the local cloud: copied into the workspace, run there alone.

    KYC_INSTANCE_ID=ID KYC_PLACED=FILE python3 -S -E ctl.py launch
    KYC_INSTANCE_ID=ID python3 -S -E ctl.py terminate

All else is read from `terraform.tfvars.json` beside it, so that no user data is ever on a command line or in
Terraform's log. Its last word on standard error is EC2's error code with the reason: Terraform prints it, and kyc
understands it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

_TIMEOUT_S = 30.0
_LONGEST = 107  # bytes of a socket's path that the kernel takes


def main(command: str) -> int:
    """Do the command; return the exit code."""
    with open("terraform.tfvars.json", encoding="utf-8") as file:  # noqa: PTH123  # pathlib costs 10 ms here
        variables = json.load(file)
    instance_id = os.environ["KYC_INSTANCE_ID"]
    try:
        if command == "launch":
            _launch(variables, instance_id)
        else:
            _call(variables["socket"], {"do": "terminate", "instance_id": instance_id})
            sys.stdout.write(f"{instance_id} is terminated\n")
    except OSError as error:
        sys.stderr.write(f"LocalCloudUnreachable: the local cloud does not answer at {variables['socket']}: {error}\n")
        return 1
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _launch(variables: dict[str, Any], instance_id: str) -> None:
    shared = ("deployment_id", "zone", "instance_type", "spot")
    request = {"do": "launch", "instance_id": instance_id, "user_data": variables["user_data"].get(instance_id, "")}
    launched = _call(variables["socket"], request | {name: variables[name] for name in shared})
    placed = {"provider_id": launched["provider_id"], "address": launched["address"]}
    path = os.environ["KYC_PLACED"]
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(placed, file)
    sys.stdout.write(f"{instance_id} is {launched['provider_id']} at {launched['address']} in {launched['zone']}\n")


def _call(path: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer; raise OSError if there is none, RuntimeError with code and message for a refusal."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT_S)
        if len(os.fsencode(path)) > _LONGEST:
            folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)  # noqa: PTH120
            path = f"/proc/self/fd/{folder}/{os.path.basename(path)}"  # noqa: PTH119
        connection.connect(path)
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as answers:
            line = answers.readline()
    if not line:
        raise ConnectionError("it hung up")
    answer = json.loads(line)
    if "error" in answer:
        raise RuntimeError(f"{answer['error']['code']}: {answer['error']['message']}")
    result = answer["ok"]
    return result if isinstance(result, dict) else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
