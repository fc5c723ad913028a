"""The local cloud's API on a unix socket: a JSON object a line.

`{"do": NAME, ...}` goes in, `{"ok": ...}` or `{"error": {"code", "message"}}` comes out.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kyc.adapters.local.fault import BAD_REQUEST, Fault
from kyc.adapters.local.record import Record
from kyc.adapters.local.site import Launch, Site
from kyc.hosting.socketpath import short_path

API_VERSION = 1
LINE_LIMIT = 1 << 20
Call = Callable[[Mapping[str, Any]], Awaitable[object]]


class Api:
    """Serves one site. `stop` is called with True when all instances are to end with the daemon, else with False."""

    def __init__(self, site: Site, *, mode: str, stop: Callable[[bool], None]) -> None:
        self._site = site
        self._mode = mode
        self._stop = stop
        self._calls: dict[str, Call] = {
            "hello": self._hello,
            "launch": self._launch,
            "terminate": self._terminate,
            "remove": self._remove,
            "instances": self._instances,
            "interrupt": self._interrupt,
            "recommend": self._recommend,
            "set_capacity": self._set_capacity,
            "set_quota": self._set_quota,
            "replay": self._replay,
            "set_link": self._set_link,
            "forward": self._forward,
            "stop": self._stop_all,
        }

    async def listen(self, path: Path) -> asyncio.Server:
        """Listen at the path, in place of what a killed daemon left there; only the owner may connect."""
        return await asyncio.start_unix_server(self._serve, sock=_listener(path), limit=LINE_LIMIT)

    async def answer(self, line: bytes) -> dict[str, object]:
        """Answer one request."""
        try:
            request = json.loads(line)
            call = self._calls.get(request.get("do"))
            if call is None:
                raise Fault(BAD_REQUEST, f"there is no call {request.get('do')!r}")
            return {"ok": await call(request)}
        except Fault as fault:
            return {"error": {"code": fault.code, "message": str(fault)}}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return {"error": {"code": BAD_REQUEST, "message": f"{type(error).__name__}: {error}"}}
        except OSError as error:
            return {"error": {"code": "InternalError", "message": str(error)}}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError):  # the other side is gone, or sent a line without end
            while line := await reader.readline():
                writer.write(json.dumps(await self.answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _hello(self, _request: Mapping[str, Any]) -> object:
        return {"version": API_VERSION, "pid": os.getpid(), "mode": self._mode}

    async def _launch(self, request: Mapping[str, Any]) -> object:
        wanted = {key: value for key, value in request.items() if key != "do"}
        return seen(await self._site.launch(Launch(**wanted)))

    async def _terminate(self, request: Mapping[str, Any]) -> object:
        await self._site.terminate(request["instance_id"])
        return None

    async def _remove(self, request: Mapping[str, Any]) -> object:
        await self._site.remove(request["provider_id"])
        return None

    async def _instances(self, _request: Mapping[str, Any]) -> object:
        return [seen(record) for record in self._site.instances()]

    async def _interrupt(self, request: Mapping[str, Any]) -> object:
        after_s = float(request.get("after_s", 0))
        await self._site.interrupt(request["provider_id"], notice_s=float(request["notice_s"]), after_s=after_s)
        return None

    async def _recommend(self, request: Mapping[str, Any]) -> object:
        self._site.recommend(request["provider_id"])
        return None

    async def _set_capacity(self, request: Mapping[str, Any]) -> object:
        self._site.set_capacity(request["pool"], request["room"])
        return None

    async def _set_quota(self, request: Mapping[str, Any]) -> object:
        self._site.set_quota(request["spot"])
        return None

    async def _replay(self, request: Mapping[str, Any]) -> object:
        self._site.replay(
            request["pool"],
            request["availability"],
            gap_s=float(request["gap_s"]),
            speed=float(request["speed"]),
            notice_s=float(request["notice_s"]),
        )
        return None

    async def _set_link(self, request: Mapping[str, Any]) -> object:
        record = self._site.running(request["provider_id"]).record
        await self._site.network.set_link(record.address, up=bool(request["up"]))
        return None

    async def _forward(self, request: Mapping[str, Any]) -> object:
        host, port = await self._site.network.forward(request["host"], int(request["port"]))
        return {"host": host, "port": port}

    async def _stop_all(self, request: Mapping[str, Any]) -> object:
        self._stop(bool(request.get("everything", False)))
        return None


def _listener(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with short_path(path) as bindable:
        listener.bind(bindable)
        os.chmod(bindable, 0o600)  # noqa: PTH101  # the path may be a descriptor's
    return listener


def seen(record: Record) -> dict[str, object]:
    """Return what the API shows of an instance: all but its user data."""
    return {key: value for key, value in asdict(record).items() if key != "user_data"}
