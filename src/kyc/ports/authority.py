"""Who makes the certificates by which the edge and instances elsewhere know each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from kyc.domain.ids import InstanceId
from kyc.ports.edge import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate and its key as PEM, and the end of its life."""

    chain: str
    key: str = field(repr=False)
    expires_at: datetime


class Authority(Protocol):
    """`certificate` is the PEM file by which what it signs is verified. `for_instance` makes a new certificate each
    time; `for_edge` returns the same files, with another one in them when the one before has aged.
    """

    @property
    def certificate(self) -> Path: ...

    def for_instance(self, instance_id: InstanceId) -> Issued: ...

    def for_edge(self) -> Certificate: ...
