"""How long a replacement takes until it works, by our own attempts: a high quantile, for deadlines hang on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta

from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt

QUANTILE = 0.9
MOST_SAMPLES = 50
LOCAL = "local"
LOCAL_DEFAULT = timedelta(seconds=15)
CLOUD_DEFAULT = timedelta(minutes=5)


def restart_overhead(
    attempts: Iterable[Attempt], instances: Mapping[InstanceId, Instance], *, cloud: str
) -> tuple[timedelta, int]:
    """Return the time from an attempt's request to its work, and how many attempts say so (0: it is our default).

    Of the newest attempts in that cloud the 0.9 quantile; of fewer than ten the longest. Replacements, which restore
    files, are preferred to first attempts.
    """
    here = [a for a in attempts if a.instance_id in instances and instances[a.instance_id].offer.cloud == cloud]
    ran = [a for a in here if a.started_at is not None]
    chosen = [a for a in ran if a.number > 1] or ran
    taken = sorted(a.started_at - a.created_at for a in chosen[-MOST_SAMPLES:] if a.started_at is not None)
    if not taken:
        return LOCAL_DEFAULT if cloud == LOCAL else CLOUD_DEFAULT, 0
    place = min(len(taken), math.ceil(QUANTILE * (len(taken) + 1))) - 1
    return max(timedelta(), taken[place]), len(taken)
