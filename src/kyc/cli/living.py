"""What lives at a master, and costs money whether or not the master runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from kyc.cli.words import plural
from kyc.sdk.client import Client
from kyc.sdk.flows import is_over


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """Names of workloads and ids of instances that have not ended."""

    workloads: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.workloads or self.instances)

    @property
    def count(self) -> str:
        """`1 workload and 2 instances`; what there is none of is left out."""
        counted = ((self.workloads, "workload"), (self.instances, "instance"))
        return " and ".join(plural(len(ids), thing) for ids, thing in counted if ids)


def living(client: Client) -> Living:
    """Ask the master what lives."""
    return Living(
        workloads=[row.name for row in client.workloads() if not is_over(row.state)],
        instances=[row.id for row in client.instances()],
    )


def going_on_words(found: Living) -> str:
    """Return what goes on without the master, and what to do about that; something is found."""
    one = len(found.workloads) + len(found.instances) == 1
    cost = ("costs" if one else "cost") + " money" if found.instances else ""
    verbs = " and ".join(verb for verb in ("goes on" if one else "go on", cost) if verb)
    it = "it" if one else "them"
    return f"{found.count} {verbs}; `kyc up` takes {it} up again, `kyc down --all` ends {it}."
