"""Amounts in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kyc.cli.words import ago, number, plural, size, span, until, usd, usd_column
from tests.rows import AT


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0.04, "0.0 s"),
        (-1, "0.0 s"),
        (9.94, "9.9 s"),
        (119, "119 s"),
        (180, "3 min"),
        (7500, "2 h 5 min"),
        (360_000, "4 d 4 h"),
    ],
)
def test_spans(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_500, "100 kB"), (999_999, "1.0 MB"), (3.2e15, "3200 TB")],
)
def test_sizes(count: float, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [(None, "-"), (0, "$0.00"), (12.3, "$12.30"), (-1.5, "-$1.50"), (0.0123, "$0.0123"), (0.00001, "$0.000010")],
)
def test_money(amount: float | None, words: str) -> None:
    assert usd(amount) == words


@pytest.mark.parametrize(
    ("amounts", "words"),
    [
        ([0, 0.000002], ["$0.000000", "$0.000002"]),
        ([0, 0], ["$0.00", "$0.00"]),
        ([12, 0.012, None], ["$12.0000", "$0.0120", "-"]),
        ([12, 0.000002, -0.5], ["$12.0000", "<$0.0001", "-$0.5000"]),
        ([], []),
    ],
)
def test_money_in_a_column(amounts: list[float | None], words: list[str]) -> None:
    assert usd_column(amounts) == words


def test_times() -> None:
    later = AT + timedelta(minutes=3)
    assert ago(AT, now=later) == "3 min ago"
    assert ago(later, now=AT) == "0.0 s ago"
    assert until(later, now=AT) == "in 3 min"
    assert until(AT, now=later) == "3 min over"
    assert (ago(None, now=AT), until(None, now=AT)) == ("-", "-")
    assert (number(1.0), number(0.5), plural(1, "file"), plural(2, "file")) == ("1", "0.5", "1 file", "2 files")
