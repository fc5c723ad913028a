"""An interruption as AWS itself does it, by its Fault Injection Service: rebalance hint, notice, end.

https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html (aws:ec2:send-spot-instance-interruptions).
No emulator has it: this was written to the documentation and is on the list of what a person with an account runs.
"""

from __future__ import annotations

import uuid
from typing import Any

from kyc.adapters.aws.session import AwsSession
from kyc.domain.errors import InvalidInputError

SHORTEST_NOTICE_S = 120
_LONGEST_NOTICE_S = 900


async def interrupt_with_notice(
    session: AwsSession, region: str, provider_id: str, *, role: str, notice_s: float
) -> None:
    """Start an experiment that interrupts the instance; its notice comes two minutes before its end."""
    if notice_s > _LONGEST_NOTICE_S:
        raise InvalidInputError(f"AWS waits {_LONGEST_NOTICE_S} s at most", next_step="Say --notice 120.")
    account = role.split(":")[4] if role.count(":") >= 5 else ""
    target = f"arn:aws:ec2:{region}:{account}:instance/{provider_id}"
    minutes = max(2, round(notice_s / 60))

    def start(fis: Any) -> None:  # noqa: ANN401  # boto3 has no types
        template = fis.create_experiment_template(
            clientToken=str(uuid.uuid4()),
            description=f"Keep Your Cost interrupts {provider_id}",
            roleArn=role,
            stopConditions=[{"source": "none"}],
            targets={
                "one": {"resourceType": "aws:ec2:spot-instance", "resourceArns": [target], "selectionMode": "ALL"}
            },
            actions={
                "interrupt": {
                    "actionId": "aws:ec2:send-spot-instance-interruptions",
                    "parameters": {"durationBeforeInterruption": f"PT{minutes}M"},
                    "targets": {"SpotInstances": "one"},
                }
            },
        )["experimentTemplate"]["id"]
        try:
            fis.start_experiment(clientToken=str(uuid.uuid4()), experimentTemplateId=template)
        finally:
            fis.delete_experiment_template(id=template)

    await session.call("fis", region, start)
