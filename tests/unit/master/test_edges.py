"""Which edge is taken: the one asked for, else the first that is there."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import InvalidInputError
from kyc.master import edges
from kyc.master.edges import make_edge


def _absent(*_: object) -> None:
    raise InvalidInputError("it is not there")


def test_a_named_one_is_taken_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_edge("python", tmp_path, SystemClock()).name == "python"
    monkeypatch.setitem(edges._KINDS, "haproxy", _absent)
    with pytest.raises(InvalidInputError):
        make_edge("haproxy", tmp_path, SystemClock())


def test_the_fallback_is_taken_last_and_said_to_be_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(edges._KINDS, "envoy", _absent)
    monkeypatch.setitem(edges._KINDS, "haproxy", _absent)
    with caplog.at_level(logging.WARNING):
        assert make_edge("auto", tmp_path, SystemClock()).name == "python"
    assert [record.message for record in caplog.records] == ["edge_slow"]
