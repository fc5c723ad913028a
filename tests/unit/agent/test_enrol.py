"""Enrolment and the fetching of the workdir: HTTP with a master that may lose its replies."""

from __future__ import annotations

import hashlib
import io
import random
import stat
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import zstandard

from kyc.agent.archive import MasterArchives
from kyc.agent.enrol import enrol, own_secret
from kyc.agent.fetch import post_json
from kyc.agent.settings import Settings, settings_from
from kyc.domain.errors import DamagedDataError, InvalidInputError, NotFoundError, UnreachableError
from kyc.wire.api import Problem
from tests.unit.agent.scripted_master import EnrolmentDesk, enrolment_desk
from tests.unit.agent.test_link import HastyClock


@pytest.fixture
async def desk() -> AsyncIterator[EnrolmentDesk]:
    async with enrolment_desk() as desk:
        yield desk


def settings(url: str, root: Path) -> Settings:
    env = {"KYC_MASTER_URL": url, "KYC_INSTANCE_ID": "i-test", "KYC_ENROL_TOKEN": "token", "KYC_ROOT": str(root)}
    return settings_from(env, current_folder=Path("/"))


def test_the_secret_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    secret = own_secret(tmp_path)
    assert len(secret) >= 40
    assert own_secret(tmp_path) == secret
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


async def test_after_lost_replies_the_same_secret_is_told_again(desk: EnrolmentDesk, tmp_path: Path) -> None:
    desk.lose_replies = 2
    desk.answers = [(503, b"busy")] * 3
    await enrol(settings(desk.url, tmp_path), own_secret(tmp_path), clock=HastyClock(), rng=random.Random(1))
    assert len(desk.bodies) == 4  # two lost, one refused, one accepted
    assert desk.bodies == [{"token": "token", "secret": own_secret(tmp_path)}] * 4


async def test_a_master_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    async with enrolment_desk() as gone:
        url = gone.url
    archives = MasterArchives(f"{url}/archive", "secret", tmp_path)
    with pytest.raises(UnreachableError):
        await archives.fetch("0" * 64, tmp_path)


def archive_of(files: dict[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return zstandard.ZstdCompressor().compress(plain.getvalue())


async def test_the_workdir_is_fetched_checked_and_unpacked(desk: EnrolmentDesk, tmp_path: Path) -> None:
    desk.archive = archive_of({"train.py": b"pass", "data/big": bytes(300_000)})
    folder = tmp_path / "work"
    folder.mkdir()
    archives = MasterArchives(f"{desk.url}/archive", "secret", tmp_path)
    await archives.fetch(hashlib.sha256(desk.archive).hexdigest(), folder)
    assert (folder / "train.py").read_bytes() == b"pass"
    assert (folder / "data" / "big").stat().st_size == 300_000
    assert desk.bearers == ["Bearer secret"]
    with pytest.raises(DamagedDataError):
        await archives.fetch("0" * 64, folder)
    assert not (tmp_path / "archive.tar.zst").exists()


async def test_the_masters_own_words_are_kept(desk: EnrolmentDesk, tmp_path: Path) -> None:
    problem = Problem(type="about:blank", title="gone", status=404, detail="no such instance", next_step="Go home.")
    desk.answers = [(404, msgspec.json.encode(problem))]
    with pytest.raises(NotFoundError, match="no such instance") as caught:
        await post_json(f"{desk.url}/enrol", b"{}")
    assert caught.value.next_step == "Go home."


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"KYC_MASTER_URL": ""}, "KYC_MASTER_URL"),
        ({"KYC_MASTER_URL": "ftp://x"}, "KYC_MASTER_URL"),
        ({"KYC_INSTANCE_ID": " "}, "KYC_INSTANCE_ID"),
        ({"KYC_METADATA_URL": "nonsense"}, "KYC_METADATA_URL"),
        ({"KYC_NOTICES": "vultr"}, "KYC_NOTICES"),
    ],
)
def test_an_environment_that_makes_no_sense_is_named(changes: dict[str, str], named: str) -> None:
    env = {"KYC_MASTER_URL": "http://m", "KYC_INSTANCE_ID": "i", "KYC_ENROL_TOKEN": "t"} | changes
    with pytest.raises(InvalidInputError, match=named):
        settings_from(env, current_folder=Path("/"))
