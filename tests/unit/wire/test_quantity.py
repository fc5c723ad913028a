"""Amounts as people write them."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.domain.workload import Bound
from kyc.wire.quantity import bound, duration, memory_gib, money_usd


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6h", 21600), ("90m", 5400), ("1d 2h", 93600), ("1h30min", 5400), ("1.5s", 1.5), ("2W", 1209600)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("12 USD", "12"), ("$12", "12"), ("0.50", "0.50"), ("12usd", "12"), ("12$", "12"), (3, "3"), (1.5, "1.5")],
)
def test_money(text: object, amount: str) -> None:
    assert money_usd(text) == Decimal(amount)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("4+", 4, None),
        ("4", 4, 4),
        (4, 4, 4),
        (0.5, 0.5, 0.5),
        ("4..8", 4, 8),
        ("4..", 4, None),
        ("..8", 0, 8),
        (" 4 + ", 4, None),
    ],
)
def test_bounds(text: object, least: float, most: float | None) -> None:
    assert bound(text) == Bound(least=least, most=most)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("16+", 16, None), ("16GB", 16, 16), ("16GiB+", 16, None), ("512MB..2GB", 0.5, 2), ("1TB", 1024, 1024), (1, 1, 1)],
)
def test_memory(text: object, least: float, most: float | None) -> None:
    assert memory_gib(text) == Bound(least=least, most=most)


@pytest.mark.parametrize(
    "wrong", ["", "x", "8..4", "0", "-1", "4++", "..", None, [], True, float("nan"), 10**12, "1e5"]
)
def test_wrong_amounts(wrong: object) -> None:
    for parse in (bound, memory_gib):
        with pytest.raises(ValueError, match="not an amount"):
            parse(wrong)


@given(st.text() | st.integers() | st.floats() | st.none())
def test_nothing_but_value_errors(value: object) -> None:
    for parse in (bound, memory_gib, duration, money_usd):
        with contextlib.suppress(ValueError):
            parse(value)
