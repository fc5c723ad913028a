"""Reading pages: patience, refusals, and no key in a message."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from email.message import Message

import pytest

from kyc.adapters.system.web import SystemWeb
from kyc.domain.errors import CredentialError, InvalidInputError, UnreachableError

URL = "https://prices.example/list?key=secret"


class Server:
    """Answers in order: bytes, or a status with headers."""

    def __init__(self, *answers: bytes | int | OSError, retry_after: str = "") -> None:
        self.answers = list(answers)
        self.retry_after = retry_after
        self.rests: list[float] = []
        self.web = SystemWeb(self._open, self.rests.append)

    def _open(self, request: urllib.request.Request) -> io.BytesIO:
        answer = self.answers.pop(0)
        if isinstance(answer, bytes):
            return io.BytesIO(answer)
        if isinstance(answer, OSError):
            raise answer
        headers = Message()
        headers["Retry-After"] = self.retry_after
        raise urllib.error.HTTPError(request.full_url, answer, "no", headers, io.BytesIO())


def test_a_page_is_read() -> None:
    assert Server(b"page").web.get(URL) == b"page"


@pytest.mark.parametrize(
    ("retry_after", "rests"),
    [("7", [7.0]), ("99999", [120.0]), ("", [1.0]), ("Fri, 01 May 2020 00:00:00 GMT", [0.0]), ("soon", [1.0])],
)
def test_what_is_busy_is_waited_for(retry_after: str, rests: list[float]) -> None:
    server = Server(429, b"page", retry_after=retry_after)
    assert server.web.get(URL) == b"page"
    assert server.rests == rests


def test_patience_ends() -> None:
    server = Server(*[503] * 5)
    with pytest.raises(UnreachableError) as told:
        server.web.get(URL)
    assert server.rests == [1, 2, 4, 8]
    assert "secret" not in str(told.value)
    with pytest.raises(UnreachableError):
        Server(*[OSError("no route")] * 5).web.get(URL)


@pytest.mark.parametrize(("status", "error"), [(401, CredentialError), (403, CredentialError), (404, UnreachableError)])
def test_refusals_are_not_repeated(status: int, error: type[Exception]) -> None:
    server = Server(status)
    with pytest.raises(error) as told:
        server.web.get(URL)
    assert "secret" not in str(told.value)
    assert server.rests == []


def test_lines_come_one_by_one() -> None:
    assert list(Server(b"a\nb\n").web.lines(URL)) == ["a\n", "b\n"]
    for answer in (OSError("cut"), 500, b"\xff\xfe\n"):
        with pytest.raises(UnreachableError):
            list(Server(answer).web.lines(URL))


def test_only_the_web_is_read() -> None:
    with pytest.raises(InvalidInputError):
        SystemWeb().get("file:///etc/passwd")
