"""How fast offers are found: in the master over the whole real price table, and from the command line.

    python -m bench.offers

`search_ms_p50`: five filters, sorted, over all rows, in a process that holds what the master holds (the request's
parsing and the reply's JSON included). `offers_cpu_s`: processor seconds of `kyc offers` from its start to its end.
Both are null, with a reason, where there is no price table (beside the project as ../shared/catalog, or KYC_CATALOG).
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from tests.real_catalog import MISSING, real_table

from kyc.adapters.offerbook.catalog import OfferBook
from kyc.domain.offer import Arch, Purchase
from kyc.domain.workload import Bound, Requirement
from kyc.planning.offers import OfferOrder, OfferQuery

ROUNDS = 60
_NONE = (("", None), ("why_", MISSING))
_FIVE = Requirement(
    cloud="aws",
    arch=Arch.X86_64,
    vcpus=Bound(least=4),
    memory_gib=Bound(least=16),
    max_price_usd_per_hour=Decimal(2),
)
_FILTERS = [
    "--cloud",
    "aws",
    "--arch",
    "x86_64",
    "--cpus",
    "4+",
    "--memory",
    "16+",
    "--max-price",
    "2",
    "--sort",
    "value",
]


def measure() -> dict[str, object]:
    """Return the figures; nothing is left behind."""
    table = real_table()
    if table is None:
        return {f"{prefix}{name}": value for name in ("search_ms_p50", "offers_cpu_s") for prefix, value in _NONE}
    with tempfile.TemporaryDirectory() as home:
        started_s = time.monotonic()
        _import(Path(home) / "catalog", table)
        imported_s = time.monotonic() - started_s
        found = asyncio.run(_searches(Path(home) / "catalog"))
        return {**found, "import_s": round(imported_s, 1), **_command_line(Path(home))}


async def _searches(folder: Path) -> dict[str, object]:
    book = OfferBook(folder)
    figures: dict[str, object] = {"offers_rows": (await book.search(OfferQuery(limit=1))).total}
    everything: list[float] = []
    for order in OfferOrder:
        query = OfferQuery(any_of=(_FIVE,), purchase=Purchase.SPOT, order=order)
        took: list[float] = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            result = await book.search(query)
            took.append((time.perf_counter() - start) * 1000)
        assert result.total > 1000
        figures[f"search_{order.value}_ms_p50"] = round(statistics.median(took), 2)
        everything += took
    figures["search_ms_p50"] = round(statistics.median(everything), 2)
    figures["search_ms_p99"] = round(statistics.quantiles(everything, n=100)[98], 2)
    return figures


def _import(folder: Path, table: Path) -> None:
    argv = [sys.executable, "-m", "kyc.master.pricing", str(folder), "import", str(table)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def _command_line(home: Path) -> dict[str, object]:
    env = {**os.environ, "KYC_HOME": str(home), "KYC_PRICE_FEEDS": "off"}
    kyc = [str(Path(sys.executable).with_name("kyc"))]
    up = [*kyc, "up", "--detach", "--port", "0"]
    begun = subprocess.run(up, env=env, capture_output=True, text=True, check=False)
    if begun.returncode != 0:
        return {"offers_cpu_s": None, "why_offers_cpu_s": f"the master did not start: {begun.stderr.strip()[-300:]}"}
    try:
        used = [_cpu_of([*kyc, "offers", *_FILTERS], env) for _ in range(5)]
        figures = {"offers_cpu_s": round(statistics.median(used), 3), "offers_reply_ms_p50": _reply_ms(env)}
        return {**figures, "master_rss_mb": _rss_mb(home)}
    finally:
        subprocess.run([*kyc, "down", "--all"], env=env, capture_output=True, check=False)


def _cpu_of(argv: list[str], env: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def _reply_ms(env: dict[str, str]) -> float:
    """What a whole reply takes, over one kept connection."""
    script = f"""
import statistics, time
from kyc.sdk.client import Client
took = []
with Client() as client:
    for _ in range({ROUNDS}):
        start = time.perf_counter()
        client.offers(cloud="aws", arch="x86_64", cpus="4+", memory="16+", max_price="2", sort="value")
        took.append((time.perf_counter() - start) * 1000)
print(statistics.median(took))
"""
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    return round(float(done.stdout), 2)


def _rss_mb(home: Path) -> float:
    pid = json.loads((home / "master.json").read_text())["pid"]
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


if __name__ == "__main__":
    print(json.dumps(measure()))
