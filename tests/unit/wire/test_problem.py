"""Errors on the network and back."""

from __future__ import annotations

import pytest

from kyc.domain import errors
from kyc.domain.errors import KycError
from kyc.wire.api import Problem
from kyc.wire.problem import error_of, problem_of


def all_errors(kind: type[KycError] = KycError) -> list[type[KycError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in all_errors(child))]


OURS = [kind for kind in all_errors() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", OURS)
def test_there_and_back(kind: type[KycError]) -> None:
    problem = problem_of(kind("what", next_step="next"))
    assert problem.type != problem_of(KycError("x")).type or kind is KycError
    back = error_of(problem)
    assert (type(back), str(back), back.next_step) == (kind, "what", "next")


def test_a_subclass_looks_like_its_parent() -> None:
    class Special(errors.NotFoundError):
        pass

    assert problem_of(Special("x")).status == 404


def test_a_foreign_problem_is_read_by_its_status() -> None:
    found = error_of(Problem(type="about:blank", title="Gone away", status=502, detail=""))
    assert (type(found), str(found)) == (errors.UnreachableError, "Gone away")
    assert type(error_of(Problem(type="about:blank", title="Tea", status=418, detail="x"))) is KycError
