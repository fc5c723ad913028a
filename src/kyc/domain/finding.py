"""What a check of something outside found: good, or what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a finding is meant."""

    GOOD = "good"
    WARNING = "warning"  # it works; the text says what it may cost
    BAD = "bad"  # it does not work


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: `subject` names it, `text` says what was found, `next_step` what to do about it."""

    subject: str
    verdict: Verdict
    text: str
    next_step: str = ""
