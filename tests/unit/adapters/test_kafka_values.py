"""What the Kafka back end computes without a broker: addresses, runs of offsets, the window."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from confluent_kafka.admin import AdminClient
from hypothesis import given
from hypothesis import strategies as st

from kyc.adapters.kafka.address import address_of, signed_in
from kyc.adapters.kafka.layout import place_of, runs_of
from kyc.adapters.kafka.log import Runs
from kyc.adapters.kafka.trouble import client_of
from kyc.adapters.kafka.user import User, user_of
from kyc.adapters.kafka.window import Window
from kyc.domain.errors import InvalidInputError
from kyc.domain.snapshot import ChunkId, ChunkRef, StreamAccess


def access(url: str, token: str = "") -> StreamAccess:
    return StreamAccess(url=url, workload="train", token=token)


def test_an_address_has_ports_and_a_prefix() -> None:
    address = address_of(access("kafka://one,two:9093,[::1]:9094?prefix=team.kyc&replication=3&timeout=5"))
    assert address.servers == "one:9092,two:9093,[::1]:9094"
    assert (address.prefix, address.replication, address.timeout_s) == ("team.kyc", 3, 5)
    assert address.settings == {"security.protocol": "PLAINTEXT"}


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("kafka://me:p%40ss@one", ""),
        ("kafka://me@one", "p@ss"),
        ("kafka://one?username=me", "p@ss"),
        ("kafka://one", "me:p@ss"),
    ],
)
def test_the_password_comes_from_the_url_or_the_token_and_is_not_shown(url: str, token: str) -> None:
    address = address_of(access(url, token))
    assert address.settings["sasl.username"] == "me"
    assert address.settings["sasl.password"] == "p@ss"
    assert address.settings["security.protocol"] == "SASL_SSL"
    assert "p@ss" not in repr(address)


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("kafka://me:p%40ss@one:1,two:2?ssl.ca.pem=a%2Bb%0Ac", ""),
        ("kafka://one:1,two:2?username=me&ssl.ca.pem=a%2Bb%0Ac", "p@ss"),
        ("kafka://one:1,two:2?ssl.ca.pem=a%2Bb%0Ac", "me:p@ss"),
    ],
)
def test_an_agents_access_has_its_own_sign_in_and_nothing_of_the_masters(url: str, token: str) -> None:
    own = signed_in(access(url, token), "kyc.train.1.2", "secret")
    assert "me" not in own.url
    assert "p@ss" not in repr(own)
    address = address_of(own)
    assert address == address_of(access(url, token)).signed_in_as("kyc.train.1.2", "secret")
    assert address.servers == "one:1,two:2"
    assert address.settings["ssl.ca.pem"] == "a+b\nc"
    assert address.group == "kyc.train.1.2"


def test_only_an_agents_own_user_has_a_group_of_its_own() -> None:
    assert address_of(access("kafka://one")).group == "kyc"
    assert address_of(access("kafka://kyc@one", "p@ss")).group == "kyc"


def test_an_agents_user_is_known_by_its_name_under_its_own_prefix_only() -> None:
    user = user_of("User:kyc.team.train_1-a.1764380000.0a1b2c", "kyc.team")
    assert user == User(name="kyc.team.train_1-a.1764380000.0a1b2c", workload="train_1-a", expires=1764380000)
    for other in ("User:kyc.team", "User:kyc", "User:kyc.team.train", "User:kyc.team.train.1.ab.c", "User:*"):
        assert user_of(other, "kyc.team") is None
    for prefix in ("kyc", "kyc.tea", "kyc.te.m"):
        assert user_of("User:kyc.team.train.1.ab", prefix) is None


@pytest.mark.parametrize(
    ("url", "mechanism"),
    [
        ("kafka://one", None),
        ("kafka://me@one?security.protocol=SSL&sasl.mechanism=SCRAM-SHA-512", None),
        ("kafka://me@one?sasl.mechanism=PLAIN", None),
        ("kafka://me@one", "SCRAM-SHA-512"),
        ("kafka://me@one?security.protocol=SASL_PLAINTEXT&sasl.mechanism=SCRAM-SHA-256", "SCRAM-SHA-256"),
        ("kafka://me@one?security.protocol=SSL", None),
    ],
)
def test_which_scram_a_listener_is_known_to_take(url: str, mechanism: str | None) -> None:
    assert address_of(access(url, "p@ss" if "@" in url else "")).scram == mechanism


@pytest.mark.parametrize(
    "url",
    [
        "http://one",
        "kafka://",
        "kafka://one:port",
        "kafka://one?acks=0",
        "kafka://one?prefix=a/b",
        "kafka://one?replication=many",
        "kafka://one?agents=none",
        "kafka://one?security.protocol=TLS",
        "kafka://one?security.protocol=SASL_SSL",
        "kafka://me:secret@one?sasl.mechanism=GSSAPI",
    ],
)
def test_a_url_that_makes_no_sense_is_refused_without_showing_a_secret(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        address_of(access(url))
    assert "secret" not in str(caught.value) + caught.value.next_step


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("kafka://me@one", ""),
        ("kafka://one", "secret"),
        ("kafka://one?username=me&security.protocol=SASL_PLAINTEXT", ""),
    ],
)
def test_a_user_without_a_password_is_told_where_to_give_it(url: str, token: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        address_of(access(url, token))
    assert "KYC_STREAM_TOKEN" in caught.value.next_step
    assert "secret" not in str(caught.value) + caught.value.next_step


def test_settings_that_librdkafka_refuses_are_an_error_of_ours() -> None:
    address = address_of(access("kafka://one?security.protocol=SSL&ssl.ca.location=/not/there"))
    with pytest.raises(InvalidInputError, match=r"ssl\.ca\.location"):
        client_of(AdminClient, address.client(error_cb=print))  # type: ignore[arg-type]


@given(st.sets(st.integers(0, 200)))
def test_runs_hold_what_they_were_made_of(offsets: set[int]) -> None:
    runs = Runs(list(runs_of(offsets)))
    assert {number for number in range(-1, 203) if number in runs} == offsets
    for number in range(203):
        assert runs.after(number) == next(free for free in range(number, 205) if free not in offsets)


def test_runs_may_overlap() -> None:
    runs = Runs([(9, 3), (0, 5), (1, 2), (5, 1)])
    assert [runs.after(number) for number in (0, 4, 6, 9, 12)] == [6, 6, 6, 12, 12]
    assert [number in runs for number in (0, 4, 6, 9, 12)] == [True, True, False, True, False]


@pytest.mark.parametrize("location", ["", "nonsense", "/1.1", "-5/1.1", "7"])
def test_a_location_of_another_stream_is_just_not_there(location: str) -> None:
    offset, key = place_of(ChunkRef(id=ChunkId("a"), stored_bytes=1, location=location))
    assert offset in {-1, 7}
    assert key.startswith(b"a/")


async def test_the_window_is_never_overfull_and_nobody_is_forgotten() -> None:
    window, rng, used, most = Window(100), Random(5), 0, 0

    async def hold(size: int) -> None:
        nonlocal used, most
        await window.enter(size)
        used += size
        most = max(most, used)
        try:
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0)
        finally:
            used -= size
            window.leave(size)

    tasks = [asyncio.ensure_future(hold(rng.randrange(1, 60))) for _ in range(300)]
    for task in tasks[::7]:
        await asyncio.sleep(0)
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(one is None or isinstance(one, asyncio.CancelledError) for one in ended)
    assert most <= 100
    await asyncio.wait_for(window.enter(100), 1)
