"""AWS's Fault Injection Service for the tests, as far as an interruption of spot instances goes: REST and JSON.

https://docs.aws.amazon.com/fis/latest/APIReference/API_CreateExperimentTemplate.html. It refuses what the service does
refuse (no role, no such target, another duration than 2 to 15 minutes) and keeps what it was told to begin.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

ACTION = "aws:ec2:send-spot-instance-interruptions"
_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/.+")
_TARGET = re.compile(r"arn:aws:ec2:[a-z0-9-]+:\d{12}:instance/i-[0-9a-f]{8,17}")
_DURATION = re.compile(r"PT(?:[2-9]|1[0-5])M")
Answer = tuple[int, dict[str, Any]]


@dataclass
class FaultInjection:
    """Templates that are there, and what each experiment that was begun is to do."""

    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    begun: list[dict[str, str]] = field(default_factory=list)

    def answer(self, method: str, path: str, body: bytes) -> Answer | None:
        """Return the status and the answer, None for what is not of this service."""
        match (method, path.strip("/").split("/")):
            case ("POST", ["experimentTemplates"]):
                return self._create(json.loads(body))
            case ("DELETE", ["experimentTemplates", name]):
                gone = self.templates.pop(name, None)
                return (
                    _refused(404, "no such template") if gone is None else (200, {"experimentTemplate": {"id": name}})
                )
            case ("POST", ["experiments"]):
                return self._start(json.loads(body))
        return None

    def _create(self, asked: dict[str, Any]) -> Answer:
        [action], [target] = asked["actions"].values(), asked["targets"].values()
        is_whole = (
            action["actionId"] == ACTION
            and _DURATION.fullmatch(action["parameters"]["durationBeforeInterruption"])
            and list(action["targets"]) == ["SpotInstances"]
            and action["targets"]["SpotInstances"] in asked["targets"]
            and target["resourceType"] == "aws:ec2:spot-instance"
            and all(_TARGET.fullmatch(one) for one in target["resourceArns"])
            and _ROLE.fullmatch(asked["roleArn"])
            and asked["stopConditions"] == [{"source": "none"}]
        )
        if not is_whole:
            return _refused(400, "the template is not valid")
        name = f"EXT{len(self.templates) + len(self.begun) + 1:012}"
        self.templates[name] = asked
        return 200, {"experimentTemplate": {"id": name}}

    def _start(self, asked: dict[str, Any]) -> Answer:
        template = self.templates.get(asked["experimentTemplateId"])
        if template is None:
            return _refused(404, "no such template")
        [action], [target] = template["actions"].values(), template["targets"].values()
        for one in target["resourceArns"]:
            after = action["parameters"]["durationBeforeInterruption"]
            self.begun.append({"target": one, "after": after, "role": template["roleArn"]})
        return 200, {"experiment": {"id": f"EXP{len(self.begun):012}"}}


def _refused(status: int, message: str) -> Answer:
    return status, {"message": message}
