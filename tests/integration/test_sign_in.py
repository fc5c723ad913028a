"""Who gets in, by what, for how long, and what a viewer may not do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from kyc.domain.user import Access, User
from kyc.wire.api import Me, NewToken, SessionState, SignInLink, TokenRow, UserRow
from tests.integration.stand import TOKEN, Stand, in_process, listening, make_stand, read, told

PASSWORD = "correct horse battery"
OWN = {"X-Kyc-Request": "1"}


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


@pytest.fixture
async def operator(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(stand) as client:
        yield client


@pytest.fixture
async def browser(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(stand, with_token=False) as client:
        client.headers["Origin"] = "http://kyc"
        yield client


async def signed_in(client: httpx.AsyncClient, name: str = "ann", password: str = PASSWORD) -> Me:
    return read(await client.post("/session", json={"name": name, "password": password}), Me)


async def has_user(operator: httpx.AsyncClient, name: str = "ann", role: str = "admin") -> None:
    read(await operator.post("/users", json={"name": name, "password": PASSWORD, "role": role}), UserRow, 201)


class TestSetUp:
    async def test_the_first_administrator_is_set_up_once(self, browser: httpx.AsyncClient) -> None:
        state = read(await browser.get("/session"), SessionState)
        assert (state.me, state.setup_needed) == (None, True)
        body = {"code": TOKEN, "name": "Ann", "password": PASSWORD}
        response = await browser.post("/session/setup", json=body)
        assert read(response, Me, 201).name == "ann"
        cookie = response.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert "Secure" not in cookie  # plain http on this machine; a browser would drop it
        state = read(await browser.get("/session"), SessionState)
        assert state.me is not None
        assert (state.me.name, state.me.role, state.me.kind, state.setup_needed) == ("ann", "admin", "session", False)
        told(await browser.post("/session/setup", json={**body, "name": "eve"}), 409)

    async def test_it_needs_the_code_and_a_decent_password(self, browser: httpx.AsyncClient, stand: Stand) -> None:
        body = {"code": "wrong", "name": "ann", "password": PASSWORD}
        assert told(await browser.post("/session/setup", json=body), 401).next_step
        told(await browser.post("/session/setup", json={**body, "code": TOKEN, "password": "short"}), 422)
        told(await browser.post("/session/setup", json={**body, "code": TOKEN, "name": "operator"}), 422)
        assert await stand.store.admin_records(User) == []

    async def test_a_link_sets_up_once_and_a_mistake_does_not_use_it_up(
        self, browser: httpx.AsyncClient, operator: httpx.AsyncClient
    ) -> None:
        link = read(await operator.post("/session/links"), SignInLink, 201)
        body = {"name": "ann", "password": "short", "code": link.code}
        told(await browser.post("/session/setup", json=body), 422)
        assert (await browser.post("/session/setup", json={**body, "password": PASSWORD})).status_code == 201
        told(await browser.post("/session", json={"code": link.code}), 401)

    async def test_a_link_signs_one_browser_in_once(
        self, operator: httpx.AsyncClient, browser: httpx.AsyncClient
    ) -> None:
        link = read(await operator.post("/session/links"), SignInLink, 201)
        assert link.url == f"http://kyc/sign-in#code={link.code}"
        assert read(await browser.post("/session", json={"code": link.code}), Me).name == "operator"
        assert read(await browser.get("/me"), Me).role == "admin"
        told(await browser.post("/session", json={"code": link.code}), 401)
        assert told(await browser.post("/session/links"), 403).next_step  # a session makes no other session


class TestSessions:
    async def test_in_and_out(self, operator: httpx.AsyncClient, browser: httpx.AsyncClient, stand: Stand) -> None:
        await has_user(operator)
        assert (await signed_in(browser, "ANN ")).name == "ann"
        assert (await browser.get("/workloads")).status_code == 200
        stolen = dict(browser.cookies)
        assert (await browser.delete("/session")).status_code == 204
        assert not browser.cookies
        browser.cookies.update(stolen)
        told(await browser.get("/workloads"), 401)
        [access] = await stand.store.admin_records(Access)
        assert access.ended_at is not None

    async def test_a_wrong_password_and_an_unknown_name_are_told_alike(
        self, operator: httpx.AsyncClient, browser: httpx.AsyncClient
    ) -> None:
        await has_user(operator)
        answers = [
            told(await browser.post("/session", json={"name": name, "password": "wrong password"}), 401)
            for name in ("ann", "nobody")
        ]
        assert answers[0] == answers[1]
        told(await browser.post("/session", json={}), 401)

    async def test_guessing_is_slowed_down(
        self, operator: httpx.AsyncClient, browser: httpx.AsyncClient, stand: Stand
    ) -> None:
        await has_user(operator)
        for _ in range(5):
            told(await browser.post("/session", json={"name": "ann", "password": "guess guess"}), 401)
        problem = told(await browser.post("/session", json={"name": "ann", "password": PASSWORD}), 429)
        assert "seconds" in problem.next_step
        told(await browser.post("/session", json={"name": "bob", "password": "guess guess"}), 401)  # only that name
        [event] = [e for e in await stand.store.events_after(0, limit=99) if e.kind == "sign_in.refused"]
        assert event.subject == "ann"

    async def test_a_session_ends_by_itself(
        self, operator: httpx.AsyncClient, browser: httpx.AsyncClient, stand: Stand
    ) -> None:
        await has_user(operator)
        stand.services.users.session_lasts = timedelta(0)
        me = await signed_in(browser)
        assert me.expires_at is not None
        assert "ended" in told(await browser.get("/me"), 401).detail
        assert read(await browser.get("/session"), SessionState).me is None
        stand.services.users.session_lasts = timedelta(hours=1)
        await signed_in(browser)
        assert [a.is_over for a in await stand.store.admin_records(Access)] == [True, False]

    async def test_an_open_stream_ends_with_its_session(self, operator: httpx.AsyncClient, stand: Stand) -> None:
        await has_user(operator)
        async with listening(stand) as url, httpx.AsyncClient(base_url=f"{url}/api/v1", headers=OWN) as client:
            await signed_in(client)
            async with client.stream("GET", "/events/stream") as stream:
                assert stream.status_code == 200
                blocks = stream.aiter_bytes()
                assert b"retry" in await anext(blocks)
                [session] = await stand.store.admin_records(Access)
                await stand.services.users.end(session.id)
                async with asyncio.timeout(20):
                    assert b"retry" not in b"".join([block async for block in blocks])  # and it comes to its end
            told(await client.get("/events/stream"), 401)

    async def test_what_other_sites_make_a_browser_send_changes_nothing(
        self, operator: httpx.AsyncClient, browser: httpx.AsyncClient, stand: Stand
    ) -> None:
        await has_user(operator)
        await signed_in(browser)
        job = {"file": "name: x\nrun: x\n"}
        for origin in ("http://evil.example", "http://kyc:81", "null", ""):
            headers = {"Origin": origin} if origin else {}
            del browser.headers["Origin"]
            told(await browser.post("/jobs", json=job, headers=headers), 403)
            told(await browser.post("/session", json={"name": "ann", "password": PASSWORD}, headers=headers), 403)
            told(await browser.delete("/session", headers=headers), 403)
            browser.headers["Origin"] = "http://kyc"
        assert await stand.store.jobs() == []
        assert (await browser.get("/workloads", headers={"Origin": "http://evil.example"})).status_code == 200
        assert (await browser.post("/jobs", json=job)).status_code == 201
        assert (await browser.post("/jobs", json=job, headers={"Origin": "http://proxy", **OWN})).status_code == 201

    async def test_a_new_password_ends_the_sessions(
        self, operator: httpx.AsyncClient, browser: httpx.AsyncClient
    ) -> None:
        await has_user(operator)
        await signed_in(browser)
        wrong = {"current": "something else", "new": "another password"}
        told(await browser.put("/me/password", json=wrong), 403)
        assert (await browser.put("/me/password", json={**wrong, "current": PASSWORD})).status_code == 204
        told(await browser.get("/me"), 401)
        told(await browser.post("/session", json={"name": "ann", "password": PASSWORD}), 401)
        await signed_in(browser, password="another password")


class TestViewers:
    async def test_they_look_and_do_not_touch(self, operator: httpx.AsyncClient, browser: httpx.AsyncClient) -> None:
        await has_user(operator, "vic", "viewer")
        await signed_in(browser, "vic")
        for path in ("/workloads", "/instances", "/events", "/cost", "/offers"):
            assert (await browser.get(path)).status_code == 200
        for path in ("/jobs", "/deployments", "/shutdown", "/instances/i-1/terminate", "/users", "/tokens"):
            assert "look" in told(await browser.post(path, json={}), 403).detail
        for path in ("/users", "/tokens"):
            told(await browser.get(path), 403)
        told(await browser.put("/budgets/day", json={"limit_usd": 1}), 403)

    async def test_a_role_counts_from_the_next_call(
        self, operator: httpx.AsyncClient, browser: httpx.AsyncClient
    ) -> None:
        await has_user(operator)
        await has_user(operator, "bob")
        await signed_in(browser)
        assert read(await operator.patch("/users/ann", json={"role": "viewer"}), UserRow).role == "viewer"
        told(await browser.post("/jobs", json={"file": "run: x"}), 403)
        assert (await operator.delete("/users/ann")).status_code == 204
        assert "ended" in told(await browser.get("/me"), 401).detail


class TestUsers:
    async def test_list_add_remove(self, operator: httpx.AsyncClient, stand: Stand) -> None:
        await has_user(operator)
        told(await operator.post("/users", json={"name": "ann", "password": PASSWORD}), 409)
        told(await operator.post("/users", json={"name": "bob", "password": PASSWORD, "role": "king"}), 422)
        told(await operator.post("/users", json={"name": "b b", "password": PASSWORD}), 422)
        await has_user(operator, "bob")
        response = await operator.get("/users")
        assert [row.name for row in read(response, list[UserRow])] == ["ann", "bob"]
        assert "scrypt" not in response.text
        assert (await operator.delete("/users/bob")).status_code == 204
        told(await operator.delete("/users/bob"), 404)
        assert "last administrator" in told(await operator.delete("/users/ann"), 409).detail
        assert "last administrator" in told(await operator.patch("/users/ann", json={"role": "viewer"}), 409).detail
        await has_user(operator, "bob", "viewer")  # one that was removed may come again
        kinds = [e.kind for e in await stand.store.events_after(0, limit=99)]
        assert kinds == ["user.added", "user.added", "user.removed", "user.added"]
        assert PASSWORD not in str(await stand.store.events_after(0, limit=99))


class TestTokens:
    async def test_made_used_and_revoked(self, operator: httpx.AsyncClient, stand: Stand) -> None:
        made = read(await operator.post("/tokens", json={"name": "ci", "role": "admin"}), NewToken, 201)
        async with in_process(stand, with_token=False) as client:
            client.headers["Authorization"] = f"Bearer {made.token}"
            me = read(await client.get("/me"), Me)
            assert (me.name, me.role, me.kind) == ("operator", "admin", "token")
            assert (await client.post("/jobs", json={"file": "name: x\nrun: x\n"})).status_code == 201
            response = await operator.get("/tokens")
            assert read(response, list[TokenRow]) == [made.row]
            assert made.token.rpartition("_")[2] not in response.text
            assert (await operator.delete(f"/tokens/{made.row.id}")).status_code == 204
            told(await client.get("/me"), 401)
            assert read(await operator.get("/tokens"), list[TokenRow]) == []
        [kept] = await stand.store.admin_records(Access)
        assert made.token.rpartition("_")[2] not in str(kept) + kept.secret_hash

    async def test_roles_and_expiry(self, operator: httpx.AsyncClient, stand: Stand) -> None:
        viewer = read(await operator.post("/tokens", json={"name": "look"}), NewToken, 201)
        assert viewer.row.role == "viewer"
        short = read(await operator.post("/tokens", json={"name": "brief", "expires_s": 1e-6}), NewToken, 201)
        told(await operator.post("/tokens", json={"name": "x", "expires_s": 0}), 422)
        told(await operator.post("/tokens", json={"name": " "}), 422)
        async with in_process(stand, with_token=False) as client:
            told(await client.get("/me", headers={"Authorization": f"Bearer {short.token}"}), 401)
            told(await client.post("/jobs", json={}, headers={"Authorization": f"Bearer {viewer.token}"}), 403)

    @pytest.mark.parametrize("token", ["kyc_", "kyc_a-22222222_", "kyc_a-22222222_0000", "kyc__", "x" * 5000])
    async def test_what_is_no_token(self, stand: Stand, token: str) -> None:
        async with in_process(stand, with_token=False) as client:
            told(await client.get("/me", headers={"Authorization": f"Bearer {token}"}), 401)
