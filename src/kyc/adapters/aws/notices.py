"""EC2's warnings as seen from inside an instance: the metadata service, version 2 (also spoken by the local cloud).

Sources: the EC2 user guide, "Spot Instance interruption notices", "EC2 instance rebalance recommendations", "Use
IMDSv2". Runs in every agent, once a second.
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

from kyc.domain.errors import UnreachableError
from kyc.domain.interruption import Notice, NoticeKind
from kyc.ports.clock import Clock
from kyc.ports.notices import ANSWER_WITHIN_S, Answer, MetadataService

_TOKEN_PATH = "/latest/api/token"  # noqa: S105  # a path
_ACTION_PATH = "/latest/meta-data/spot/instance-action"
_REBALANCE_PATH = "/latest/meta-data/events/recommendations/rebalance"
_TOKEN_LIFE_S = 21600
_RENEW_BEFORE_S = 300


class Ec2Notices:
    """The NoticeSource port on EC2's metadata service."""

    def __init__(self, clock: Clock, service: MetadataService) -> None:
        self._clock = clock
        self._service = service
        self._token = ""
        self._token_until_s = float("-inf")
        self._told: Notice | None = None

    async def poll(self) -> Notice | None:
        """Return what is announced; see the port. The same announcement keeps the time it was first seen."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                notice = await self._interruption() or await self._rebalance()
        except TimeoutError as error:
            raise self._unreachable(f"no answer within {ANSWER_WITHIN_S} s") from error
        if notice is not None and self._told is not None and _is_same(notice, self._told):
            return self._told
        self._told = notice
        return notice

    async def acknowledge(self) -> None:
        """Do nothing: EC2 takes no such word."""

    async def _interruption(self) -> Notice | None:
        told = await self._get(_ACTION_PATH)
        if told is None:
            return None
        return Notice(
            kind=NoticeKind.INTERRUPTION, noticed_at=self._clock.now(), deadline_at=self._time_in(told, "time")
        )

    async def _rebalance(self) -> Notice | None:
        told = await self._get(_REBALANCE_PATH)
        if told is None:
            return None
        return Notice(kind=NoticeKind.REBALANCE, noticed_at=self._time_in(told, "noticeTime"))

    async def _get(self, path: str) -> str | None:
        """Return what is there, None for nothing (404); renew the token if it is not accepted."""
        answer = await self._service.ask("GET", path, {"X-aws-ec2-metadata-token": await self._valid_token()})
        if answer.status == 401:
            self._token_until_s = float("-inf")
            answer = await self._service.ask("GET", path, {"X-aws-ec2-metadata-token": await self._valid_token()})
        if answer.status == 404:
            return None
        return self._ok(answer, path)

    async def _valid_token(self) -> str:
        if self._clock.monotonic_s() >= self._token_until_s:
            life = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_LIFE_S)}
            self._token = self._ok(await self._service.ask("PUT", _TOKEN_PATH, life), _TOKEN_PATH)
            self._token_until_s = self._clock.monotonic_s() + _TOKEN_LIFE_S - _RENEW_BEFORE_S
        return self._token

    def _ok(self, answer: Answer, path: str) -> str:
        if answer.status != 200:
            raise self._unreachable(f"status {answer.status} for {path}")
        return answer.body

    def _time_in(self, text: str, name: str) -> datetime:
        try:
            time = datetime.fromisoformat(json.loads(text)[name])
        except (ValueError, KeyError, TypeError) as error:
            raise self._unreachable(f"no {name} in {text[:80]!r}") from error
        if time.tzinfo is None:
            raise self._unreachable(f"a {name} without a time zone: {text[:80]!r}")
        return time

    def _unreachable(self, why: str) -> UnreachableError:
        return UnreachableError(
            f"the metadata service at {self._service.url} cannot be read: {why}",
            next_step="On EC2, enable the instance's metadata service (http_endpoint) and allow it one hop more.",
        )


def _is_same(one: Notice, other: Notice) -> bool:
    return one.kind == other.kind and one.deadline_at == other.deadline_at
