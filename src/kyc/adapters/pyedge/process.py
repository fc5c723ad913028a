"""The Python edge's own process: its services, and the Unix socket by which the master tells it what to serve.

`python -m kyc.adapters.pyedge.process FOLDER` goes by the folder's `services.json` from the start, so that one that
was killed comes back with what was applied last.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

from aiohttp import web

from kyc.adapters.pyedge.codec import decode_services, encode_loads, encode_services
from kyc.adapters.pyedge.proxy import Proxy
from kyc.domain.ids import WorkloadName
from kyc.hosting.files import write_private
from kyc.hosting.socketpath import short_path
from kyc.ports.edge import EdgeService

log = logging.getLogger(__name__)
SOCKET, SERVICES = "control.sock", "services.json"
_LARGEST = 64 << 20


class Serving:
    """All services of this process."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / SERVICES
        self._open: dict[WorkloadName, Proxy] = {}
        self._ending: list[Proxy] = []
        self._busy = asyncio.Lock()

    async def resume(self) -> None:
        """Serve what was applied last, as far as its ports are free."""
        if self._file.exists():
            await self.apply(decode_services(self._file.read_bytes()))

    async def apply(self, services: list[EdgeService]) -> dict[WorkloadName, str]:
        """Serve these and nothing else; return why some cannot be."""
        async with self._busy:
            refused: dict[WorkloadName, str] = {}
            wanted = {service.name: service for service in services}
            for name in [name for name, proxy in self._open.items() if not _is_there(wanted.get(name), proxy)]:
                proxy = self._open.pop(name)
                await proxy.stop_listening()
                self._ending.append(proxy)
            for name, service in wanted.items():
                try:
                    await self._serve(name, service)
                except OSError as error:
                    refused[name] = error.strerror or str(error)
            for proxy in [proxy for proxy in self._ending if proxy.is_idle]:
                self._ending.remove(proxy)
                await proxy.close()
            write_private(self._file, encode_services(services), durable=False)
            return refused

    async def close(self) -> None:
        """End everything."""
        for proxy in [*self._open.values(), *self._ending]:
            await proxy.close()

    def loads(self) -> bytes:
        """Return what each service has to do, encoded."""
        return encode_loads({name: proxy.load() for name, proxy in self._open.items()})

    async def _serve(self, name: WorkloadName, service: EdgeService) -> None:
        proxy = self._open.get(name) or Proxy(service)
        proxy.adopt(service)
        if name in self._open:
            proxy.reload_certificate()
            return
        try:
            await proxy.open()
        except OSError:
            await proxy.close()
            raise
        self._open[name] = proxy


def _is_there(wanted: EdgeService | None, proxy: Proxy) -> bool:
    """Say whether the listener can stay."""
    has = proxy.service
    return wanted is not None and all(
        getattr(wanted, what) == getattr(has, what) for what in ("host", "port", "certificate", "idle_timeout")
    )


def _control(serving: Serving) -> web.Application:
    async def put(request: web.Request) -> web.Response:
        return web.json_response(await serving.apply(decode_services(await request.read())))

    async def loads(_: web.Request) -> web.Response:
        return web.Response(body=serving.loads(), content_type="application/json")

    app = web.Application(client_max_size=_LARGEST)
    app.router.add_put("/services", put)
    app.router.add_get("/loads", loads)
    return app


async def serve(folder: Path) -> None:
    """Run until SIGTERM."""
    serving, ended = Serving(folder), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await serving.resume()
    runner = web.AppRunner(_control(serving), access_log=None)
    await runner.setup()
    path = folder / SOCKET
    path.unlink(missing_ok=True)
    with short_path(path) as short:
        await web.UnixSite(runner, short).start()
        path.chmod(0o600)
        await ended.wait()
    await runner.cleanup()
    await serving.close()


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(serve(Path(sys.argv[1])))
