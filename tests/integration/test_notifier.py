"""Real messages by apprise to a web server of our own: they arrive, and a failure tells no secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kyc.adapters.notify.notifier import AppriseNotifier
from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.domain.notification import Severity


class Hook:
    """A webhook that keeps what it is sent, and answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[dict[str, object]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"json://ann:hunter22secret@127.0.0.1:{self.server.server_address[1]}/hook-8f3k2m"


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


async def test_a_webhook_gets_the_message(hook: Hook) -> None:
    await AppriseNotifier().send(hook.address, title="train failed", text="code 1", severity=Severity.FAILURE)
    [got] = hook.got
    assert (got["title"], got["message"], got["type"]) == ("train failed", "code 1", "failure")


async def test_a_refusal_is_told_without_secrets(hook: Hook) -> None:
    hook.status = 403
    with pytest.raises(UnreachableError) as refused:
        await AppriseNotifier().send(hook.address, title="t", text="x", severity=Severity.INFO)
    assert "403" in str(refused.value) or "orbidden" in str(refused.value)
    for secret in ("hunter22secret", "hook-8f3k2m"):
        assert secret not in str(refused.value)


async def test_nobody_there(hook: Hook) -> None:
    with pytest.raises(UnreachableError):
        await AppriseNotifier().send("json://127.0.0.1:1/x", title="t", text="x", severity=Severity.INFO)


@pytest.mark.parametrize(
    ("address", "service"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "Slack"),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "Slack"),
        ("mailto://ann:hunter22secret@gmail.com", "E-Mail"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "Discord"),
    ],
)
async def test_addresses_are_read_and_shown_without_their_secrets(address: str, service: str) -> None:
    read = await AppriseNotifier().read(address)
    assert read.service.lower().replace("e-mail", "email") == service.lower().replace("e-mail", "email")
    for secret in ("TIiajkdnlazkcOXrIdevi7FQ", "hunter22secret", "JHMHI8qBe7bk2ZwO5U711o3dV_js"):
        assert secret not in read.shown


@pytest.mark.parametrize("address", ["nonsense", "nope://x", "", "slack://", "syslog://", "dbus://", "json://"])
async def test_what_is_no_address(address: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await AppriseNotifier().read(address)
    assert refused.value.next_step
