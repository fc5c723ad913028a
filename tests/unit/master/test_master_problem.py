"""Failures as RFC 9457 problems."""

from __future__ import annotations

import msgspec

from kyc.domain.errors import NotAllowedError, QuotaError
from kyc.master.problem import describe_invalid, render
from kyc.wire.api import Problem
from kyc.wire.problem import error_of, problem_of


def test_a_problem_comes_back_as_the_error_it_was() -> None:
    error = QuotaError("no more GPUs", next_step="Ask the provider for more.")
    response = render(problem_of(error))
    assert response.media_type == "application/problem+json"
    back = error_of(msgspec.json.decode(response.body, type=Problem))
    assert (type(back), str(back), back.next_step) == (QuotaError, str(error), error.next_step)


def test_who_is_not_allowed_is_told_how_to_be() -> None:
    response = render(problem_of(NotAllowedError("no")))
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


def test_each_wrong_place_is_named_up_to_a_few() -> None:
    errors = [{"loc": ("body", "any_of", n), "msg": "bad"} for n in range(7)]
    text = describe_invalid(errors)
    assert text.startswith("body.any_of.0: bad; body.any_of.1: bad")
    assert text.endswith("and 2 more")
