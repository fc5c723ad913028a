"""The calls about people, alerts, notifications and what is watched, as values; the rest is in `sdk.calls`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from kyc.sdk.calls import PREFIX, Call, get_call, path_of, post_call
from kyc.wire import api


def me() -> Call[api.Me]:
    return get_call("/me", api.Me)


def sign_in_link() -> Call[api.SignInLink]:
    return post_call("/session/links", api.SignInLink)


def users() -> Call[list[api.UserRow]]:
    return get_call("/users", list[api.UserRow])


def add_user(request: api.UserRequest) -> Call[api.UserRow]:
    return post_call("/users", api.UserRow, request)


def change_user(name: str, request: api.UserChange) -> Call[api.UserRow]:
    body = msgspec.json.encode(request)
    return Call(method="PATCH", path=PREFIX + path_of("users", name), reply=api.UserRow, body=body)


def remove_user(name: str) -> Call[None]:
    return _delete("users", name)


def tokens() -> Call[list[api.TokenRow]]:
    return get_call("/tokens", list[api.TokenRow])


def create_token(request: api.TokenRequest) -> Call[api.NewToken]:
    return post_call("/tokens", api.NewToken, request)


def revoke_token(token_id: str) -> Call[None]:
    return _delete("tokens", token_id)


def alerts() -> Call[list[api.AlertRow]]:
    return get_call("/alerts", list[api.AlertRow])


def add_alert(request: api.AlertRequest) -> Call[api.AlertRow]:
    return post_call("/alerts", api.AlertRow, request)


def remove_alert(alert_id: str) -> Call[None]:
    return _delete("alerts", alert_id)


def price_history(
    cloud: str, region: str, instance_type: str, zone: str | None, since: datetime | None
) -> Call[api.PriceHistory]:
    query = {"cloud": cloud, "region": region, "type": instance_type, "zone": zone, "since": _at(since)}
    return get_call("/market/history", api.PriceHistory, query)


def targets() -> Call[list[api.TargetRow]]:
    return get_call("/notify/targets", list[api.TargetRow])


def add_target(request: api.TargetRequest) -> Call[api.TargetRow]:
    return post_call("/notify/targets", api.TargetRow, request)


def test_target(target_id: str) -> Call[None]:
    return post_call(path_of("notify", "targets", target_id, "test"), type(None))


def remove_target(target_id: str) -> Call[None]:
    return _delete("notify", "targets", target_id)


def notifications(topics: Sequence[str], before: int | None, limit: int) -> Call[api.NotificationPage]:
    return get_call("/notifications", api.NotificationPage, {"topic": topics, "before": before, "limit": limit})


def overview() -> Call[api.Overview]:
    return get_call("/overview", api.Overview)


def cost_series(name: str | None, since: datetime | None, step_s: float | None) -> Call[api.CostSeries]:
    return get_call("/cost/series", api.CostSeries, {"name": name, "since": _at(since), "step_s": step_s})


def metrics(instance_id: str, since: datetime | None, step_s: float) -> Call[api.MetricSeries]:
    query = {"since": _at(since), "step_s": step_s}
    return get_call(path_of("instances", instance_id, "metrics"), api.MetricSeries, query)


def rerun(name: str) -> Call[api.WorkloadRow]:
    return post_call(path_of("workloads", name, "rerun"), api.WorkloadRow)


def check_file(request: api.CheckRequest) -> Call[api.FileCheck]:
    return post_call("/workloads/check", api.FileCheck, request)


def _delete(*parts: str) -> Call[None]:
    return Call(method="DELETE", path=PREFIX + path_of(*parts), reply=type(None))


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
