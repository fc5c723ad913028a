"""The synchronous client. It needs nothing but the standard library's HTTP, so that the command line starts fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar, Unpack, cast

from kyc.domain.errors import NotFoundError, UnreachableError
from kyc.sdk import calls, flows
from kyc.sdk.admin import AdminCalls
from kyc.sdk.clouds import CloudCalls
from kyc.sdk.discovery import Address, locator
from kyc.sdk.files import FileCalls
from kyc.sdk.follow import Follow, OnContact
from kyc.sdk.resume import PATIENCE_S
from kyc.sdk.serving import ServiceCalls
from kyc.sdk.transport import Transport
from kyc.wire import api

if TYPE_CHECKING:
    pass

T = TypeVar("T")
R = TypeVar("R")
OnStep = Callable[[str], None]


class Client(AdminCalls, FileCalls, CloudCalls, ServiceCalls):
    """All that a master does, as plain calls. One thread at a time, but for iterators, which have their own connection.

        with Client() as client:
            plan = client.run_job("train.yaml")
            print(client.wait(plan.name).state)

    Without arguments it finds the master by `KYC_URL` and `KYC_TOKEN`, else in `KYC_HOME`; `home` names another folder.
    Every method raises the errors of `kyc.domain.errors`: UnreachableError if the master does not answer,
    NotAllowedError for a wrong token, and what its own text names. Each error has a `next_step`.
    """

    def __init__(self, url: str | None = None, token: str = "", *, home: Path | None = None) -> None:
        self._transport = Transport(locator(url, token, home))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connection; the next call opens another."""
        self._transport.close()

    @property
    def address(self) -> Address:
        """Where calls go, with the token."""
        return self._transport.address()

    @property
    def url(self) -> str:
        """The master's address."""
        return self.address.url

    # --- workloads ---------------------------------------------------------------------------------------------------

    def workloads(self) -> list[api.WorkloadRow]:
        """Return every workload, also those that have ended."""
        return self._call(calls.workloads())

    def workload(self, name: str) -> api.WorkloadDetail:
        """Return one workload with its attempts; raise NotFoundError."""
        return self._call(calls.workload(name))

    def run_job(
        self,
        source: str | Path,
        *,
        name: str | None = None,
        envs: Mapping[str, str] | None = None,
        dry_run: bool = False,
        on_step: OnStep | None = None,
    ) -> api.JobPlan:
        """Submit a workload file (its path, or its text) and return what became of it, without waiting for its end.

        Its workdir is packed and uploaded unless the master has it already; a dry run uploads and starts nothing.
        `on_step` is told what happens. Raises InvalidInputError for a file that cannot be accepted.
        """
        from kyc.sdk.submission import prepare  # noqa: PLC0415  # reads YAML, which most calls do not need

        job = prepare(source, name=name, envs=envs)
        archive: str | None = None
        warnings: tuple[str, ...] = ()
        if job.workdir is not None and not dry_run:
            archive, warnings = self.upload(job.workdir, on_step=on_step)
        request = api.JobRequest(file=job.text, workdir=archive, name=job.name, dry_run=dry_run)
        plan = self._call(calls.submit(request))
        return replace(plan, warnings=[*plan.warnings, *warnings])

    def upload(self, folder: Path, *, on_step: OnStep | None = None) -> tuple[str, tuple[str, ...]]:
        """Pack a folder and upload it unless it is there; return its SHA-256, and warnings about what stayed here."""
        import tempfile  # noqa: PLC0415  # most calls need neither

        from kyc.sdk.archive import pack  # noqa: PLC0415

        tell = on_step or (lambda _: None)
        with tempfile.TemporaryFile() as file:
            tell(f"packing {folder}")
            packed = pack(folder, file)
            if self._has_archive(packed.sha256):
                tell(f"{packed.files} files, {packed.archive_bytes} bytes packed, are there already")
            else:
                tell(f"uploading {packed.files} files, {packed.archive_bytes} bytes packed")
                file.seek(0)
                self._call(calls.archive_upload(packed.sha256), file)
        return packed.sha256, packed.warnings

    def stop(self, name: str) -> api.WorkloadRow:
        """Ask a workload to stop: flushed, then ended. It returns at once; `wait` waits. Raises NotFoundError."""
        return self._call(calls.stop(name))

    def wait(self, name: str, *, timeout_s: float | None = None) -> api.WorkloadRow:
        """Return the workload once it has ended; raise NotFoundError, or UnreachableError after the time-out."""

        def ended() -> api.WorkloadRow | None:
            row = self.workload(name).row
            return row if flows.is_over(row.state) else None

        return self.wait_until(ended, kinds=flows.ENDINGS, timeout_s=timeout_s)

    def wait_until(
        self, check: Callable[[], R | None], *, kinds: Sequence[str] = (), timeout_s: float | None = None
    ) -> R:
        """Return what `check` returns once it is not None. It is asked now, and after each event of these kinds.

        Raises UnreachableError after the time-out.
        """
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        after = self.last_seq()
        found = check()
        if found is not None:
            return found
        with self.stream_events(after=after, kinds=kinds, until_s=until_s) as events:
            for _ in events:
                found = check()
                if found is not None:
                    return found
        raise UnreachableError(
            f"it did not happen within {timeout_s:g} s", next_step="Wait longer, or see `kyc events`."
        )

    # --- logs and events ---------------------------------------------------------------------------------------------

    def logs(
        self, name: str, *, after: int = 0, limit: int = calls.PAGE, attempt: str | None = None
    ) -> list[api.LogRow]:
        """Return what a workload (one attempt or replica of it) printed after the row `after`, at most `limit` rows.

        Raise NotFoundError.
        """
        return self._call(calls.logs(name, after=after, limit=limit, attempt=attempt))

    def all_logs(self, name: str, *, after: int = 0, attempt: str | None = None) -> Iterator[api.LogRow]:
        """Yield everything a workload has printed so far, page by page; raise NotFoundError."""
        while page := self.logs(name, after=after, attempt=attempt):
            yield from page
            after = page[-1].seq

    def stream_logs(self, name: str, *, after: int = 0, patience_s: float = PATIENCE_S) -> Follow[api.LogRow]:
        """Yield what a job printed after the row `after`, then what it prints, until closed."""
        return Follow(
            self._transport, lambda cursor: calls.log_stream(name, after=cursor), after=after, patience_s=patience_s
        )

    def events(
        self,
        *,
        after: int | None = None,
        limit: int | None = None,
        kinds: Sequence[str] = (),
        subject: str | None = None,
        tail: int | None = None,
    ) -> list[api.EventRow]:
        """Return events in order: those after the number `after`, or the last `tail`."""
        return self._call(calls.events(after=after, limit=limit, kinds=kinds, subject=subject, tail=tail))

    def all_events(
        self, *, after: int = 0, kinds: Sequence[str] = (), subject: str | None = None
    ) -> Iterator[api.EventRow]:
        """Yield all events after the number `after`, page by page."""
        while page := self.events(after=after, limit=calls.PAGE, kinds=kinds, subject=subject):
            yield from page
            after = page[-1].seq

    def stream_events(
        self,
        *,
        after: int = 0,
        kinds: Sequence[str] = (),
        subject: str | None = None,
        patience_s: float = PATIENCE_S,
        until_s: float | None = None,
        on_contact: OnContact | None = None,
    ) -> Follow[api.EventRow]:
        """Yield the events after the number `after`, then new ones as they happen, until closed.

        `on_contact` is told False once when the master is silent, and True once when it answers again.
        """
        return Follow(
            self._transport,
            lambda cursor: calls.event_stream(after=cursor, kinds=kinds, subject=subject),
            after=after,
            patience_s=patience_s,
            until_s=until_s,
            on_contact=on_contact,
        )

    def last_seq(self) -> int:
        """Return the number of the newest event, 0 if there is none."""
        return self._drive(flows.last_seq())

    def seq_before(self, at: datetime) -> int:
        """Return the number to read after in order to see what happened since `at`."""
        return self._drive(flows.seq_before(at))

    # --- instances and money -----------------------------------------------------------------------------------------

    def instances(self, *, everything: bool = False) -> list[api.InstanceRow]:
        """Return the instances that live, or all that ever did."""
        return self._call(calls.instances(everything=everything))

    def instance(self, instance_id: str) -> api.InstanceRow:
        """Return one instance; raise NotFoundError."""
        return self._call(calls.instance(instance_id))

    def interrupt(self, instance_id: str, *, notice_s: float = 120) -> api.InterruptedRow:
        """Have the provider interrupt an instance after a notice of so many seconds; 0 kills it without one.

        Raises NotFoundError, or ConflictError for one that is going already.
        """
        return self._call(calls.interrupt(instance_id, api.InterruptRequest(notice_s=notice_s)))

    def terminate(self, instance_id: str) -> api.InstanceRow:
        """Give an instance back; raise NotFoundError."""
        return self._call(calls.terminate(instance_id))

    def deployments(self) -> list[api.DeploymentRow]:
        """Return the deployments."""
        return self._call(calls.deployments())

    def offers(self, **wish: Unpack[calls.OfferWish]) -> list[api.OfferRow]:
        """Return what can be bought now and fits the wish, such as `cpus="4+"`, `gpu="A100:1"`, `sort="price"`."""
        return self._call(calls.offers(wish))

    def explain_offers(self, **wish: Unpack[calls.OfferWish]) -> api.SearchReport:
        """Return how many offers fit the wish; where none does, why not, and the nearest ones."""
        return self._call(calls.offer_explanation(wish))

    def catalog(self) -> api.CatalogReport:
        """Return what prices there are, how old they are, and the feeds they come from."""
        return self._call(calls.catalog())

    def refresh_catalog(self, cloud: str | None = None) -> api.CatalogReport:
        """Have the feeds of a cloud (or one by name, or all) asked; returns at once. Raise NotFoundError for none."""
        return self._call(calls.refresh_catalog(api.RefreshRequest(cloud=cloud)))

    def import_prices(self, path: Path) -> api.ImportReport:
        """Bring the prices of a csv, csv.gz or parquet file into the catalog; raise InvalidInputError."""
        from kyc.sdk.pricefile import opened_table  # noqa: PLC0415  # most calls do not need it

        with opened_table(path) as (file, sha256):
            return self._call(calls.import_table(sha256), file)

    def cost(self, name: str | None = None, *, by: str = "workload") -> api.CostReport:
        """Return what one workload, or everything, has cost so far, by `workload` or `day`; raise NotFoundError."""
        return self._call(calls.cost(name, by))

    def budgets(self) -> list[api.BudgetRow]:
        """Return the budgets of the periods and of the jobs that live, with what was spent of them."""
        return self._call(calls.budgets())

    def set_budget(self, scope: str, limit_usd: float, *, warn_at: float = 0.8) -> api.BudgetRow:
        """Limit what may be spent in a `day`, a `month`, in `total`, or on a live job by its name.

        Raises NotFoundError for an unknown name, InvalidInputError for a limit below zero or a share outside 0 to 1.
        """
        return self._call(calls.set_budget(scope, api.BudgetRequest(limit_usd=limit_usd, warn_at=warn_at)))

    def remove_budget(self, scope: str) -> None:
        """Remove a budget; raise NotFoundError if there is none."""
        self._call(calls.remove_budget(scope))

    # --- the master itself -------------------------------------------------------------------------------------------

    def health(self) -> api.Health:
        """Return the master's state; no token is needed."""
        return self._call(calls.health())

    def shutdown(self, *, everything: bool = False) -> None:
        """Ask the master to end; with `everything` its stream server and local cloud end too."""
        self._call(calls.shutdown(api.ShutdownRequest(everything=everything)))

    def _drive(self, flow: flows.Flow[T, R]) -> R:
        try:
            call = next(flow)
            while True:
                call = flow.send(self._call(call))
        except StopIteration as end:
            return cast(R, end.value)

    def _has_archive(self, sha256: str) -> bool:
        try:
            self._call(calls.archive_there(sha256))
        except NotFoundError:
            return False
        return True
