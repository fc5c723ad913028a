"""When feeds are asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from kyc.adapters.fake.clock import START
from kyc.planning.refresh import REST_AFTER_FAILURE, FeedStatus, plan_refresh

HOUR = timedelta(hours=1)
NEW = FeedStatus(name="aws-spot", cloud="aws", every=HOUR)
DONE = replace(NEW, fetched_at=START, tried_at=START)


def due(*feeds: FeedStatus, registered=(), asked_for=(), background=True, after: timedelta = timedelta()) -> list[str]:
    now = START + after
    return plan_refresh(feeds, registered=registered, asked_for=asked_for, background=background, now=now)


def test_nobody_is_called_at_the_first_start() -> None:
    assert due(NEW) == []
    assert due(NEW, registered={"aws"}) == ["aws-spot"]
    assert due(NEW, registered={"aws"}, background=False) == []
    assert due(NEW, asked_for={"aws-spot"}, background=False) == ["aws-spot"]


def test_age_decides() -> None:
    assert due(DONE, after=HOUR / 2) == []
    assert due(DONE, after=HOUR) == ["aws-spot"]
    assert due(DONE, after=-HOUR) == ["aws-spot"]  # the clock jumped back: nobody knows how old it is


def test_a_failed_feed_rests_unless_somebody_asks() -> None:
    failed = replace(DONE, tried_at=START + 2 * HOUR, failure="no network")
    assert due(failed, after=2 * HOUR) == []
    assert due(failed, after=2 * HOUR, asked_for={"aws-spot"}) == ["aws-spot"]
    assert due(failed, after=2 * HOUR + REST_AFTER_FAILURE) == ["aws-spot"]


def test_what_is_asked_for_comes_first() -> None:
    other = replace(NEW, name="azure-retail", cloud="azure")
    assert due(NEW, other, registered={"aws"}, asked_for={"azure-retail"}) == ["azure-retail", "aws-spot"]
