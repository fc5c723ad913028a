"""Public pages over HTTPS, with the standard library: patient with what is busy, clear about what refuses."""

from __future__ import annotations

import email.utils
import http.client
import io
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import IO
from urllib.parse import urlsplit

from kyc.domain.errors import CredentialError, InvalidInputError, UnreachableError

_TIMEOUT_S = 60.0
_TRIES = 5
_LONGEST_REST_S = 120.0
_PATIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
Open = Callable[[urllib.request.Request], IO[bytes]]


class SystemWeb:
    """The Web port. `open_url` and `sleep_s` are given by tests."""

    def __init__(self, open_url: Open | None = None, sleep_s: Callable[[float], None] = time.sleep) -> None:
        self._open_url = open_url or _open_url
        self._sleep_s = sleep_s

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
        """Return a page's bytes."""
        last: Exception | None = None
        for attempt in range(_TRIES):
            try:
                with closing(self._opened(url, headers)) as reply:
                    return reply.read()
            except urllib.error.HTTPError as error:
                rest_s = _rest_s(error, attempt)
                error.close()
                if error.code not in _PATIENT:
                    raise _refused(url, error) from error
                last = error
            except (OSError, http.client.HTTPException) as error:
                last, rest_s = error, float(2**attempt)
            if attempt + 1 < _TRIES:
                self._sleep_s(rest_s)
        raise _silent(url, last) from last

    def lines(self, url: str) -> Iterator[str]:
        """Yield a text's lines as they come; one that breaks off raises UnreachableError."""
        try:
            with closing(self._opened(url, None)) as reply, io.TextIOWrapper(reply, encoding="utf-8") as text:
                yield from text
        except urllib.error.HTTPError as error:
            error.close()
            raise _refused(url, error) from error
        except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
            raise _silent(url, error) from error

    def _opened(self, url: str, headers: Mapping[str, str] | None) -> IO[bytes]:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise InvalidInputError(f"{url!r} is not a web address")
        return self._open_url(urllib.request.Request(url, headers=dict(headers or {})))  # noqa: S310  # checked above


def _open_url(request: urllib.request.Request) -> IO[bytes]:
    return urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # type: ignore[no-any-return]  # noqa: S310


def _rest_s(error: urllib.error.HTTPError, attempt: int) -> float:
    """How long to wait: as the answer says (seconds, or a date), else twice as long each time."""
    told = error.headers.get("Retry-After", "") if error.headers else ""
    if told.isdecimal():
        return min(float(told), _LONGEST_REST_S)
    try:
        until = email.utils.parsedate_to_datetime(told)
    except ValueError:
        return float(2**attempt)
    return min(max(0.0, (until - datetime.now(UTC)).total_seconds()), _LONGEST_REST_S)


def _refused(url: str, error: urllib.error.HTTPError) -> Exception:
    place = _place(url)
    if error.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return CredentialError(f"{place} refuses the key ({error.code})", next_step="Check the key for this service.")
    return UnreachableError(f"{place} answered with status {error.code}")


def _silent(url: str, error: Exception | None) -> UnreachableError:
    return UnreachableError(
        f"{_place(url)} does not answer: {error}", next_step="Check the network; the prices that are here still serve."
    )


def _place(url: str) -> str:
    """The address without its query: that may hold a key."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"
