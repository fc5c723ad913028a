"""The dashboard's files as browsers get them, and the API's description that its types come from."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx
import pytest

from kyc.master import openapi, pages
from tests.integration.stand import Stand, in_process, make_stand, told

ROOT = Path(__file__).parents[2]
PAGE = b"<!doctype html><title>built</title>" + b"<p>words</p>" * 50
SCRIPT = b"console.log('one');" * 50


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "dashboard"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(PAGE)
    (folder / "assets" / "index-4f3a.js").write_bytes(SCRIPT)
    (tmp_path / "secret.txt").write_text("not for browsers")
    monkeypatch.setattr(pages, "FOLDER", folder)
    return folder


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path / "stand")


async def get(stand: Stand, path: str, **headers: str) -> httpx.Response:
    async with in_process(stand, with_token=False) as client:
        return await client.get(f"http://kyc{path}", headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.usefixtures("built")
class TestFiles:
    @pytest.mark.parametrize("path", ["/", "/instances", "/jobs/train", "/index.html"])
    async def test_every_address_of_the_dashboard_is_the_page(self, stand: Stand, path: str) -> None:
        response = await get(stand, path)
        assert (response.status_code, response.content) == (200, PAGE)
        assert response.headers["content-type"].startswith("text/html")
        assert response.headers["cache-control"] == "no-cache"

    async def test_a_page_that_did_not_change_is_not_sent_again(self, stand: Stand, built: Path) -> None:
        etag = (await get(stand, "/")).headers["etag"]
        assert (await get(stand, "/", If_None_Match=etag)).status_code == 304
        (built / "index.html").write_bytes(PAGE + b"<p>new</p>")
        assert (await get(stand, "/", If_None_Match=etag)).content.endswith(b"<p>new</p>")

    async def test_what_is_named_by_its_hash_is_kept_for_ever(self, stand: Stand) -> None:
        response = await get(stand, "/assets/index-4f3a.js")
        assert response.content == SCRIPT
        assert response.headers["content-type"].startswith("text/javascript")
        assert "immutable" in response.headers["cache-control"]

    async def test_it_is_sent_packed_to_those_who_can_unpack(self, stand: Stand) -> None:
        async with in_process(stand, with_token=False) as client:
            request = client.build_request("GET", "http://kyc/", headers={"Accept-Encoding": "gzip"})
            response = await client.send(request, stream=True)
            raw = b"".join([block async for block in response.aiter_raw()])
        assert response.headers["content-encoding"] == "gzip"
        assert len(raw) < len(PAGE)
        assert gzip.decompress(raw) == PAGE
        assert "content-encoding" not in (await get(stand, "/", Accept_Encoding="identity")).headers

    @pytest.mark.parametrize("path", ["/assets/none.js", "/api/v1/none", "/api/none"])
    async def test_what_is_not_there_is_a_problem(self, stand: Stand, path: str) -> None:
        assert told(await get(stand, path), 404).detail == f"there is no GET {path}"

    @pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt"])
    async def test_nothing_outside_of_the_folder_is_sent(self, stand: Stand, path: str) -> None:
        assert b"not for browsers" not in (await get(stand, path)).content

    async def test_only_get_and_head(self, stand: Stand) -> None:
        async with in_process(stand, with_token=False) as client:
            assert (await client.post("http://kyc/", json={})).status_code == 405
            assert (await client.head("http://kyc/")).status_code == 200


async def test_without_a_build_the_page_says_what_to_do(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FOLDER", tmp_path / "none")
    response = await get(stand, "/")
    assert response.status_code == 503
    assert "make dashboard" in response.text


@pytest.mark.parametrize("path", ["/", "/api/v1/health", "/api/v1/none"])
async def test_every_answer_tells_browsers_what_they_may_do(stand: Stand, path: str) -> None:
    headers = (await get(stand, path)).headers
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert ("no-store" in headers.get("cache-control", "")) == path.startswith("/api/")


def test_the_description_is_the_one_that_the_dashboard_was_made_from() -> None:
    assert openapi.main(["--check", str(ROOT / "ui" / "openapi.json")]) == 0, "run `make openapi`"


def test_a_stale_description_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stale = tmp_path / "openapi.json"
    stale.write_text("{}\n")
    assert openapi.main(["--check", str(stale)]) == 1
    assert "make openapi" in capsys.readouterr().err
    assert openapi.main([]) == 0
    stale.write_text(capsys.readouterr().out)
    assert openapi.main(["--check", str(stale)]) == 0
