"""The asynchronous twin of `Client`, on httpx (`pip install keep-your-cost[async]`). Same calls, same errors."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TypeVar, Unpack, cast

from kyc.domain.errors import NotFoundError, UnreachableError
from kyc.sdk import calls, flows
from kyc.sdk.admin import AsyncAdminCalls
from kyc.sdk.aio_files import AsyncFileCalls
from kyc.sdk.aio_serving import AsyncServiceCalls
from kyc.sdk.archive import pack
from kyc.sdk.async_transport import AsyncTransport
from kyc.sdk.clouds import AsyncCloudCalls
from kyc.sdk.discovery import locator
from kyc.sdk.pricefile import opened_table
from kyc.sdk.resume import PATIENCE_S
from kyc.sdk.submission import prepare
from kyc.wire import api

T = TypeVar("T")
R = TypeVar("R")


class AsyncClient(AsyncAdminCalls, AsyncFileCalls, AsyncCloudCalls, AsyncServiceCalls):
    """All that a master does, as coroutines; several may run at once. See `Client` for what each does and raises.

    async with AsyncClient() as client:
        plan = await client.run_job("train.yaml")
        print((await client.wait(plan.name)).state)
    """

    def __init__(self, url: str | None = None, token: str = "", *, home: Path | None = None) -> None:
        self._transport = AsyncTransport(locator(url, token, home))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; nothing can be called afterwards."""
        await self._transport.close()

    # --- workloads ---------------------------------------------------------------------------------------------------

    async def workloads(self) -> list[api.WorkloadRow]:
        """Return every workload, also those that have ended."""
        return await self._call(calls.workloads())

    async def workload(self, name: str) -> api.WorkloadDetail:
        """Return one workload with its attempts; raise NotFoundError."""
        return await self._call(calls.workload(name))

    async def run_job(
        self,
        source: str | Path,
        *,
        name: str | None = None,
        envs: Mapping[str, str] | None = None,
        dry_run: bool = False,
    ) -> api.JobPlan:
        """Submit a workload file (its path, or its text) and return what became of it, without waiting for its end."""
        job = await asyncio.to_thread(prepare, source, name=name, envs=envs)
        archive: str | None = None
        warnings: tuple[str, ...] = ()
        if job.workdir is not None and not dry_run:
            archive, warnings = await self.upload(job.workdir)
        request = api.JobRequest(file=job.text, workdir=archive, name=job.name, dry_run=dry_run)
        plan = await self._call(calls.submit(request))
        return replace(plan, warnings=[*plan.warnings, *warnings])

    async def upload(self, folder: Path) -> tuple[str, tuple[str, ...]]:
        """Pack a folder and upload it unless it is there; return its SHA-256, and warnings about what stayed here."""
        with tempfile.TemporaryFile() as file:
            packed = await asyncio.to_thread(pack, folder, file)
            if not await self._has_archive(packed.sha256):
                file.seek(0)
                call = calls.archive_upload(packed.sha256)
                calls.decode(call, *await self._transport.send(call, file, size=packed.archive_bytes))
        return packed.sha256, packed.warnings

    async def stop(self, name: str) -> api.WorkloadRow:
        """Ask a workload to stop: flushed, then ended. It returns at once; `wait` waits. Raises NotFoundError."""
        return await self._call(calls.stop(name))

    async def wait(self, name: str, *, timeout_s: float | None = None) -> api.WorkloadRow:
        """Return the workload once it has ended; raise NotFoundError, or UnreachableError after the time-out."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._wait(name)
        except TimeoutError as error:
            raise UnreachableError(
                f"{name} did not end within {timeout_s:g} s", next_step="Wait longer, or see `kyc events`."
            ) from error

    async def _wait(self, name: str) -> api.WorkloadRow:
        after = await self.last_seq()
        row = (await self.workload(name)).row
        async with aclosing(self.stream_events(after=after, kinds=flows.ENDINGS)) as events:
            while not flows.is_over(row.state):
                await anext(events)
                row = (await self.workload(name)).row
        return row

    # --- logs and events ---------------------------------------------------------------------------------------------

    async def logs(
        self, name: str, *, after: int = 0, limit: int = calls.PAGE, attempt: str | None = None
    ) -> list[api.LogRow]:
        """Return what a workload (one attempt or replica of it) printed after the row `after`, at most `limit` rows."""
        return await self._call(calls.logs(name, after=after, limit=limit, attempt=attempt))

    def stream_logs(
        self, name: str, *, after: int = 0, patience_s: float = PATIENCE_S
    ) -> AsyncGenerator[api.LogRow, None]:
        """Yield what a job printed after the row `after`, then what it prints, until closed."""
        return self._transport.follow(
            lambda cursor: calls.log_stream(name, after=cursor), after=after, patience_s=patience_s
        )

    async def events(
        self,
        *,
        after: int | None = None,
        limit: int | None = None,
        kinds: Sequence[str] = (),
        subject: str | None = None,
        tail: int | None = None,
    ) -> list[api.EventRow]:
        """Return events in order: those after the number `after`, or the last `tail`."""
        return await self._call(calls.events(after=after, limit=limit, kinds=kinds, subject=subject, tail=tail))

    def stream_events(
        self,
        *,
        after: int = 0,
        kinds: Sequence[str] = (),
        subject: str | None = None,
        patience_s: float = PATIENCE_S,
    ) -> AsyncGenerator[api.EventRow, None]:
        """Yield the events after the number `after`, then new ones as they happen, until closed."""
        return self._transport.follow(
            lambda cursor: calls.event_stream(after=cursor, kinds=kinds, subject=subject),
            after=after,
            patience_s=patience_s,
        )

    async def last_seq(self) -> int:
        """Return the number of the newest event, 0 if there is none."""
        return await self._drive(flows.last_seq())

    async def seq_before(self, at: datetime) -> int:
        """Return the number to read after in order to see what happened since `at`."""
        return await self._drive(flows.seq_before(at))

    # --- instances and money -----------------------------------------------------------------------------------------

    async def instances(self, *, everything: bool = False) -> list[api.InstanceRow]:
        """Return the instances that live, or all that ever did."""
        return await self._call(calls.instances(everything=everything))

    async def instance(self, instance_id: str) -> api.InstanceRow:
        """Return one instance; raise NotFoundError."""
        return await self._call(calls.instance(instance_id))

    async def interrupt(self, instance_id: str, *, notice_s: float = 120) -> api.InterruptedRow:
        """Have the provider interrupt an instance after a notice of so many seconds; 0 kills it without one."""
        return await self._call(calls.interrupt(instance_id, api.InterruptRequest(notice_s=notice_s)))

    async def terminate(self, instance_id: str) -> api.InstanceRow:
        """Give an instance back; raise NotFoundError."""
        return await self._call(calls.terminate(instance_id))

    async def deployments(self) -> list[api.DeploymentRow]:
        """Return the deployments."""
        return await self._call(calls.deployments())

    async def offers(self, **wish: Unpack[calls.OfferWish]) -> list[api.OfferRow]:
        """Return what can be bought now and fits the wish, such as `cpus="4+"`, `gpu="A100:1"`, `sort="price"`."""
        return await self._call(calls.offers(wish))

    async def explain_offers(self, **wish: Unpack[calls.OfferWish]) -> api.SearchReport:
        """Return how many offers fit the wish; where none does, why not, and the nearest ones."""
        return await self._call(calls.offer_explanation(wish))

    async def catalog(self) -> api.CatalogReport:
        """Return what prices there are, how old they are, and the feeds they come from."""
        return await self._call(calls.catalog())

    async def refresh_catalog(self, cloud: str | None = None) -> api.CatalogReport:
        """Have the feeds of a cloud (or one by name, or all) asked; returns at once. Raise NotFoundError for none."""
        return await self._call(calls.refresh_catalog(api.RefreshRequest(cloud=cloud)))

    async def import_prices(self, path: Path) -> api.ImportReport:
        """Bring the prices of a csv, csv.gz or parquet file into the catalog; raise InvalidInputError."""
        with ExitStack() as files:
            file, sha256 = await asyncio.to_thread(files.enter_context, opened_table(path))
            call = calls.import_table(sha256)
            size = os.fstat(file.fileno()).st_size
            return calls.decode(call, *await self._transport.send(call, file, size=size))

    async def cost(self, name: str | None = None, *, by: str = "workload") -> api.CostReport:
        """Return what one workload, or everything, has cost so far, by `workload` or `day`; raise NotFoundError."""
        return await self._call(calls.cost(name, by))

    async def budgets(self) -> list[api.BudgetRow]:
        """Return the budgets of the periods and of the jobs that live, with what was spent of them."""
        return await self._call(calls.budgets())

    async def set_budget(self, scope: str, limit_usd: float, *, warn_at: float = 0.8) -> api.BudgetRow:
        """Limit what may be spent in a `day`, a `month`, in `total`, or on a live job by its name.

        Raises NotFoundError for an unknown name, InvalidInputError for a limit below zero or a share outside 0 to 1.
        """
        return await self._call(calls.set_budget(scope, api.BudgetRequest(limit_usd=limit_usd, warn_at=warn_at)))

    async def remove_budget(self, scope: str) -> None:
        """Remove a budget; raise NotFoundError if there is none."""
        await self._call(calls.remove_budget(scope))

    # --- the master itself -------------------------------------------------------------------------------------------

    async def health(self) -> api.Health:
        """Return the master's state; no token is needed."""
        return await self._call(calls.health())

    async def shutdown(self, *, everything: bool = False) -> None:
        """Ask the master to end; with `everything` its stream server and local cloud end too."""
        await self._call(calls.shutdown(api.ShutdownRequest(everything=everything)))

    async def _drive(self, flow: flows.Flow[T, R]) -> R:
        try:
            call = next(flow)
            while True:
                call = flow.send(await self._call(call))
        except StopIteration as end:
            return cast(R, end.value)

    async def _has_archive(self, sha256: str) -> bool:
        try:
            await self._call(calls.archive_there(sha256))
        except NotFoundError:
            return False
        return True
