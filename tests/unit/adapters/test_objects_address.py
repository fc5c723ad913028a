"""Where a bucket is and how to sign in, and what the names in it tell."""

from __future__ import annotations

import pytest

from kyc.adapters.objects.address import address_of
from kyc.adapters.objects.layout import Place
from kyc.domain.errors import InvalidInputError
from kyc.domain.snapshot import ChunkId, ChunkRef, StreamAccess


def access(url: str, token: str = "") -> StreamAccess:
    return StreamAccess(url=url, workload="train", token=token)


def test_an_s3_address_has_its_endpoint_and_the_tokens_key() -> None:
    address = address_of(
        access("s3://bucket/a/b/?endpoint=http://127.0.0.1:1&region=eu-west-1&timeout=4", "key:sec:ses")
    )
    assert address.url == "s3://bucket/a/b"
    assert address.timeout_s == 4
    assert address.allows_http
    assert address.settings == {
        "endpoint": "http://127.0.0.1:1",
        "region": "eu-west-1",
        "access_key_id": "key",
        "secret_access_key": "sec",
        "session_token": "ses",
    }
    assert "sec" not in repr(address)


def test_the_other_clouds_have_their_own_credentials() -> None:
    assert address_of(access("gs://bucket", "{}")).settings == {"service_account_key": "{}"}
    shared = address_of(access("az://account/box/prefix", "sv=1&sig=x"))
    assert shared.url == "az://box/prefix"
    assert shared.settings == {"account_name": "account", "sas_key": "sv=1&sig=x"}
    assert address_of(access("az://account/box", "a2V5")).settings["account_key"] == "a2V5"
    assert address_of(access("s3://bucket")).settings == {}


def test_every_kind_may_be_elsewhere() -> None:
    google = address_of(access("gs://bucket?endpoint=http://127.0.0.1:1"))
    assert (google.settings, google.allows_http) == ({"base_url": "http://127.0.0.1:1"}, True)
    azure = address_of(access("az://account/box?endpoint=https://there/account"))
    assert (azure.settings["endpoint"], azure.allows_http) == ("https://there/account", False)


@pytest.mark.parametrize(
    "url",
    [
        "http://bucket",
        "s3://",
        "s3://key:secret@bucket",
        "s3://bucket?acl=public",
        "gs://bucket?region=x",
        "s3://bucket?endpoint=127.0.0.1:9000",
        "az://account",
    ],
)
def test_a_url_that_makes_no_sense_is_refused_without_showing_a_secret(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        address_of(access(url))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["secret", ":secret", "secret:"])
def test_half_a_token_is_refused_before_it_is_used(token: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        address_of(access("s3://bucket", token))
    assert "KEY:SECRET" in caught.value.next_step
    assert "secret:" not in str(caught.value)


def test_a_copys_name_tells_its_place_and_epoch_and_a_strangers_nothing() -> None:
    place = Place("train")
    assert place.copy_of(place.copy("ab", "3.17"), 9) == (
        ChunkRef(id=ChunkId("ab"), stored_bytes=9, location="3.17"),
        3,
    )
    for name in (place.copy("ab", ""), "train/c/readme.txt", "train/c/"):
        assert place.copy_of(name, 9) is None
