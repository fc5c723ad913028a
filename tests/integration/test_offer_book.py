"""The offer book with its process: import, failures, and the real table of 131,740 lines."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.offerbook.catalog import OfferBook
from kyc.adapters.offerbook.keeper import BookKeeper, FeedKind
from kyc.domain.errors import InvalidInputError, KycError, NotFoundError, UnreachableError
from kyc.domain.offer import Arch, Purchase
from kyc.domain.workload import Bound, Requirement
from kyc.master.pricing import FEED_KINDS
from kyc.planning.offers import OfferGroup, OfferOrder, OfferQuery
from kyc.sdk.pricefile import opened_table
from tests.real_catalog import MISSING, real_table

TABLE = "cloud,region,zone,instance_type,on_demand_usd_h,spot_usd_h,as_of\naws,east,e1,m,1,0.25,2026-05-01\n"


def keeper(folder: Path, *, argv: list[str] | None = None, kinds: list[FeedKind] | None = None) -> BookKeeper:
    argv = argv or [sys.executable, "-m", "kyc.master.pricing", str(folder)]
    env = {**os.environ, "https_proxy": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": ""}
    return BookKeeper(folder, argv=argv, env=env, kinds=FEED_KINDS if kinds is None else kinds, clock=FakeClock())


async def test_a_table_is_imported_by_a_process_of_its_own(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(TABLE)
    taken = await keeper(tmp_path / "catalog").import_table(table)
    assert (taken.prices, taken.machines) == (2, 1)
    assert (await OfferBook(tmp_path / "catalog").search(OfferQuery())).total == 2
    table.write_text("nothing\n")
    with pytest.raises(InvalidInputError, match="no column"):
        await keeper(tmp_path / "catalog").import_table(table)
    assert (await OfferBook(tmp_path / "catalog").search(OfferQuery())).total == 2


async def test_a_feed_that_cannot_be_asked_is_remembered(tmp_path: Path) -> None:
    feeds = keeper(tmp_path)
    with pytest.raises(KycError, match="API key"):
        await feeds.refresh("gcp-billing")
    with pytest.raises(NotFoundError):
        await feeds.refresh("moon")
    told = {feed.name: feed for feed in await keeper(tmp_path).feeds()}
    assert "API key" in told["gcp-billing"].failure
    assert told["gcp-billing"].fetched_at is None
    assert told["azure-retail"].tried_at is None


async def test_a_process_that_breaks_off_says_why(tmp_path: Path) -> None:
    kinds = [FeedKind(name="x", cloud="x", every=timedelta(hours=1))]
    broken = keeper(tmp_path, argv=[sys.executable, "-c", "raise SystemExit('out of luck')"], kinds=kinds)
    with pytest.raises(UnreachableError, match="out of luck"):
        await broken.refresh("x")


async def test_a_cancelled_import_ends_its_process(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"import os,time,pathlib; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(60)"
    running = asyncio.create_task(keeper(tmp_path, argv=[sys.executable, "-c", script]).import_table(tmp_path))
    while not pid_file.exists() or not pid_file.read_text():
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not Path(f"/proc/{pid_file.read_text()}").exists()


def test_parquet_becomes_a_table(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    parquet.write_table(arrow.table({"cloud": ["aws"], "region": ["east"], "instance_type": ["m"]}), path)
    with opened_table(path) as (file, digest):
        assert file.read(2) == b"\x1f\x8b"
        assert len(digest) == 64
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InvalidInputError, match="parquet"), opened_table(path):
        pass


# --- the real table ---


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> OfferBook:
    table = real_table()
    if table is None:
        pytest.skip(MISSING)
    folder = tmp_path_factory.mktemp("catalog")
    taken = asyncio.run(keeper(folder).import_table(table))
    assert taken.prices > 200_000
    return OfferBook(folder)


async def test_the_real_table_is_whole(book: OfferBook) -> None:
    coverage = await book.coverage()
    assert {one.cloud for one in coverage} == {"aws", "gcp", "azure"}
    assert sum(one.rows for one in coverage) == (await book.search(OfferQuery())).total
    sources = {one.source for one in coverage}
    assert {"skypilot", "cyclenerd", "advisor (derived)"} <= sources


async def test_real_searches_make_sense(book: OfferBook) -> None:
    wanted = Requirement(gpu="a100", gpu_count=8, cloud="aws")
    found = await book.search(OfferQuery(any_of=(wanted,), group=OfferGroup.TYPE, order=OfferOrder.VALUE))
    assert {offer.instance_type for offer in found.offers} >= {"p4d.24xlarge"}
    arm = Requirement(
        arch=Arch.ARM64,
        vcpus=Bound(least=4),
        memory_gib=Bound(least=16),
        cloud="gcp",
        max_price_usd_per_hour=Decimal(1),
    )
    cheap = await book.search(OfferQuery(any_of=(arm,), purchase=Purchase.SPOT))
    prices = [offer.price_usd_per_hour for offer in cheap.offers]
    assert prices == sorted(prices)
    assert all(offer.arch is Arch.ARM64 and offer.vcpus >= 4 for offer in cheap.offers)
    nothing = await book.search(OfferQuery(any_of=(Requirement(gpu="H100", cloud="gcp", region="nowhere"),)))
    assert nothing.total == 0
    assert nothing.nearest
