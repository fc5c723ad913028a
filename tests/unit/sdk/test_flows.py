"""The words that the SDK repeats are the domain's."""

from __future__ import annotations

from kyc.domain.event import EventKind
from kyc.domain.job import JOB_EDGES, JobState
from kyc.domain.machine import is_final
from kyc.sdk.flows import ENDINGS, OVER, is_over


def test_over_is_what_no_edge_leaves() -> None:
    assert {state.value for state in JobState if is_final(JOB_EDGES, state)} == OVER
    assert is_over("stopped")
    assert not is_over("running")


def test_endings_are_the_events_of_those_states() -> None:
    of_services = {"service.stopped", "service.failed"}
    assert {f"job.{state}" for state in OVER} | of_services == set(ENDINGS) <= {kind.value for kind in EventKind}
