"""One service of the Python edge: takes requests, lets them wait for a first replica, hands them on, retries."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from kyc.adapters.pyedge.choice import Seat, choose, spare
from kyc.adapters.pyedge.headers import COOKIE, HOP, forwarded, sticky
from kyc.adapters.pyedge.pump import pump_both
from kyc.domain.ids import ReplicaId
from kyc.domain.service import Balance, EndpointState
from kyc.ports.edge import INSTANCE_DOMAIN, EdgeLoad, EdgeService, EndpointLoad

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TRIES = 4  # of a safe request that may have arrived where it was sent
_SUCCESSOR_S = 2.0  # within which another replica may come, or one come back, where all were tried
_PAUSE_S = 0.2
_SPAN_S = 5.0
_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_HEADER_BYTES = 128 << 10


class Proxy:
    """A service that listens as long as it is open. `adopt` changes what it is without a new listener."""

    def __init__(self, service: EdgeService) -> None:
        self.service = service
        self._seats: dict[ReplicaId, Seat] = {}
        self._turns: deque[asyncio.Future[None]] = deque()  # of those that wait
        self._newcomer = asyncio.Event()
        self._waiting = 0
        self._requests = self._failed = self._in_flight = 0
        self._took: deque[tuple[float, float]] = deque(maxlen=4096)
        self._server = web.Server(
            self._handle,
            access_log=None,
            handler_cancellation=True,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
        )
        self._runner = web.ServerRunner(self._server)
        self._site: web.TCPSite | None = None
        self._tls: ssl.SSLContext | None = None
        self._client: aiohttp.ClientSession | None = None
        self._client_tls: ssl.SSLContext | None = None

    async def open(self) -> None:
        """Listen; raise OSError if the port is taken."""
        if self.service.certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.reload_certificate()
        await self._runner.setup()
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=1.5)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=1, sock_read=self.service.idle_timeout.total_seconds())
        self._client = aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_SKIPPED,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
        )
        self._site = web.TCPSite(
            self._runner, self.service.host, self.service.port, ssl_context=self._tls, backlog=1024
        )
        await self._site.start()

    def adopt(self, service: EdgeService) -> None:
        """Go by this from the next request on; endpoints that stay keep what they have counted."""
        self.service = service
        if service.upstream_tls:
            self._client_tls = _upstream_context(
                service.upstream_tls.chain, service.upstream_tls.key, service.upstream_ca
            )
        before, self._seats = self._seats, {}
        for place in service.endpoints:
            name = place.endpoint.replica_id
            seat = before.get(name)
            if seat is None or (seat.place.endpoint.host, seat.place.endpoint.port) != (
                place.endpoint.host,
                place.endpoint.port,
            ):
                seat = Seat(place)
                self._newcomer.set()
            seat.place = place
            self._seats[name] = seat
        while self._turns:
            self._next_turn()

    def reload_certificate(self) -> None:
        """Show the certificate that the files hold now to whoever connects from now on."""
        if self._tls and self.service.certificate:
            self._tls.load_cert_chain(self.service.certificate.chain, self.service.certificate.key)

    async def stop_listening(self) -> None:
        """Take no new connection; those that are open go on."""
        if self._site is not None:
            await self._site.stop()
            self._site = None

    async def close(self) -> None:
        """End everything."""
        await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()

    @property
    def is_idle(self) -> bool:
        """Whether nobody is connected any more."""
        return not self._server.connections

    def load(self) -> EdgeLoad:
        """Return what it has to do."""
        since = asyncio.get_running_loop().time() - _SPAN_S
        took = sorted(ms for at, ms in self._took if at >= since)
        known = {
            name: EndpointLoad(requests=seat.requests, failed=seat.failed, in_flight=seat.in_flight)
            for name, seat in self._seats.items()
        }
        return EdgeLoad(
            requests=self._requests,
            failed=self._failed,
            in_flight=self._in_flight,
            waiting=self._waiting,
            p95_ms=took[math.ceil(0.95 * len(took)) - 1] if took else None,
            endpoints=known,
        )

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._in_flight += 1
        status = 499  # the client went away
        try:
            response = await self._answer(request)
            status = response.status
            return response
        finally:
            self._in_flight -= 1
            self._requests += 1
            self._failed += status >= 500
            self._took.append((loop.time(), (loop.time() - began) * 1000))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        client, fresh = sticky(request) if self.service.balance is Balance.STICKY else ("", False)
        tried: set[Seat] = set()
        loop, lost = asyncio.get_running_loop(), 0
        until_s = loop.time() + _SUCCESSOR_S
        while lost < _TRIES:
            if not self._with_room() and not await self._waited():
                headers = {"Retry-After": str(self.service.retry_after_s)}
                return web.Response(status=503, text="no replica is ready\n", headers=headers)
            now_s = loop.time()
            seat = choose(self._with_room(), self.service.balance, client=client, now_s=now_s, tried=tried)
            if seat is None or seat in tried:
                if now_s >= until_s:
                    break
                await self._newcomer_comes()
                tried.clear()  # one that started again is reached where it was
                continue
            tried.add(seat)
            seat.requests += 1
            seat.in_flight += 1
            try:
                return await self._pass(request, seat, client if fresh else "")
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
                seat.refused(now_s)  # nothing was sent
            except aiohttp.ServerTimeoutError:
                seat.failed += 1
                return web.Response(status=504, text="the replica says nothing\n")
            except aiohttp.ClientError:
                seat.failed += 1
                lost += 1
                if request.method not in _SAFE:
                    return web.Response(status=502, text="the replica ended the connection\n")
            finally:
                seat.in_flight -= 1
                self._next_turn()
        return web.Response(status=503, text="no replica can be reached\n", headers={"Retry-After": "1"})

    async def _newcomer_comes(self) -> None:
        """Wait a moment for a replica that was not there before."""
        self._newcomer.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PAUSE_S):
                await self._newcomer.wait()

    def _with_room(self) -> list[Seat]:
        """Return who is up and may have another request."""
        most = math.inf if self.service.most_in_flight is None else self.service.most_in_flight
        seats = self._seats.values()
        return [each for each in seats if each.place.state is EndpointState.UP and each.in_flight < most]

    def _next_turn(self) -> None:
        """Have the first of those that wait look again."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _waited(self) -> bool:
        """Wait for an endpoint with room; False past the time or the number that may wait."""
        if self._waiting >= self.service.most_waiting:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(self.service.wait.total_seconds()):
                while not self._with_room():
                    turn = asyncio.get_running_loop().create_future()
                    self._turns.append(turn)
                    await turn
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    async def _pass(self, request: web.BaseRequest, seat: Seat, new_client: str) -> web.StreamResponse:
        at = seat.place.endpoint
        host = f"[{at.host}]" if ":" in at.host else at.host
        tls, name = self._tls_to(seat)
        url = URL(f"{'https' if tls else 'http'}://{host}:{at.port}{request.raw_path}", encoded=True)
        told = self._told(seat, new_client)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._pass_socket(request, url, seat, told)
        assert self._client is not None
        body = request.content.iter_any() if request.can_read_body else None
        async with self._client.request(
            request.method,
            url,
            headers=forwarded(request),
            data=body,
            allow_redirects=False,
            ssl=tls,
            server_hostname=name,
        ) as answer:
            seat.answered(answer.status)
            spare(seat, self._seats.values(), asyncio.get_running_loop().time())
            headers = CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in HOP)
            headers.extend(told)
            response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
            await response.prepare(request)
            try:
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
            except aiohttp.ClientError:
                _break_off(request)  # the client must not take half of it for all
            return response

    async def _pass_socket(
        self, request: web.BaseRequest, url: URL, seat: Seat, told: Mapping[str, str]
    ) -> web.StreamResponse:
        assert self._client is not None
        tls, name = self._tls_to(seat)
        wanted = [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if each.strip()]
        headers = {k: v for k, v in forwarded(request).items() if not k.lower().startswith("sec-websocket-")}
        upstream = await self._client.ws_connect(
            url,
            headers=headers,
            protocols=wanted,
            autoping=False,
            max_msg_size=0,
            ssl=tls,
            server_hostname=name,
        )
        seat.answered(101)
        protocols = [upstream.protocol] if upstream.protocol else []
        downstream = web.WebSocketResponse(protocols=protocols, autoping=False, max_msg_size=0)
        downstream.headers.update(told)
        try:
            await downstream.prepare(request)
            with suppress(TimeoutError):
                await pump_both(upstream, downstream, self.service.idle_timeout.total_seconds())
            await downstream.close(code=aiohttp.WSCloseCode.GOING_AWAY)
        finally:
            await upstream.close()
        return downstream

    def _tls_to(self, seat: Seat) -> tuple[ssl.SSLContext | bool, str | None]:
        """Return how its endpoint is reached (False: without TLS), and the name that it has to show then."""
        if self._client_tls is None or seat.place.plain:
            return False, None
        return self._client_tls, f"{seat.place.endpoint.instance_id}{INSTANCE_DOMAIN}"

    def _told(self, seat: Seat, new_client: str) -> dict[str, str]:
        told: dict[str, str] = {}
        if self.service.names_replica:
            told |= {"X-Kyc-Instance": seat.place.endpoint.instance_id, "X-Kyc-Replica": seat.place.endpoint.replica_id}
        if new_client:
            told["Set-Cookie"] = f"{COOKIE}={new_client}; Path=/; HttpOnly"
        return told


def _break_off(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _upstream_context(chain: Path, key: Path, authority: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority) if authority else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(chain, key)
    return context
