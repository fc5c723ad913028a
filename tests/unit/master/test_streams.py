"""The streams that a master knows: what is kept of them over its lives."""

from __future__ import annotations

from pathlib import Path

from kyc.adapters.fake.store import FakeStore
from kyc.domain.snapshot import StreamAccess
from kyc.master.stream import NamedStream, Streams
from tests.simulation.world import SimSecrets, SimStreamHost

URL = "s3://bucket/files?region=us-east-1"


def streams(folder: Path, default: NamedStream) -> Streams:
    return Streams(default, SimStreamHost, FakeStore(), SimSecrets(), folder / "streams.json")  # type: ignore[arg-type]


async def granted(found: Streams) -> StreamAccess:
    return await found.access("train")


async def test_a_master_that_starts_without_the_token_finds_the_one_it_had(tmp_path: Path) -> None:
    assert (await granted(streams(tmp_path, NamedStream(URL, "key:secret")))).token == "key:secret"
    again = streams(tmp_path, NamedStream(URL))
    assert (await granted(again)).token == "key:secret"
    assert again.look_up(URL, "") == StreamAccess(url=URL, workload="", token="key:secret")
    assert (await granted(streams(tmp_path, NamedStream(URL, "key:newer")))).token == "key:newer"
    assert (await granted(streams(tmp_path, NamedStream(URL)))).token == "key:newer"


async def test_a_token_is_kept_for_its_own_url_only(tmp_path: Path) -> None:
    found = streams(tmp_path, NamedStream("kafka://ann@host", "secret"))
    for other in ("kafka://bob@host", "kafka://other"):
        access = found.look_up(other, "")
        assert access is not None
        assert access.token == ""


async def test_the_embedded_stream_is_named_by_its_identity(tmp_path: Path) -> None:
    found = streams(tmp_path, NamedStream(URL, "key:secret"))
    assert (found.identity_of("embedded"), found.look_up("embedded", "")) == ("embedded", None)
    found.remember("embedded", "")
    assert "embedded" not in bytes.fromhex((tmp_path / "streams.json").read_text().removeprefix("streams:")).decode()
    await (await found.at("embedded")).close()
