"""What is known of prices, in one SQLite file: machines, prices, interruption bands. Newer facts replace older ones.

Written by one process at a time, which then makes the columns that searches use (`build`); nothing searches here.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from kyc.domain.errors import OutOfSpaceError, UnreachableError
from kyc.ports.catalog import Taken
from kyc.ports.pricefeed import BandFact, Fact, LeftOut, MachineFact, PriceFact

NANOS = Decimal(1_000_000_000)
MOST_USD_PER_HOUR = Decimal(100_000)
_LEAST_USD_PER_HOUR = 1 / NANOS
_BATCH = 5000
HISTORY_S = 90 * 86_400  # how long a changed price is remembered
_SCHEMA = """
CREATE TABLE IF NOT EXISTS machine (
  cloud TEXT, type TEXT, arch TEXT, vcpus REAL, memory_mib INTEGER, gpu TEXT, gpu_count REAL, gpu_memory_mib INTEGER,
  PRIMARY KEY (cloud, type)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS price (
  cloud TEXT, region TEXT, zone TEXT, type TEXT, purchase TEXT, nanos INTEGER, source TEXT, priced_at INTEGER,
  batch INTEGER, PRIMARY KEY (cloud, region, zone, type, purchase)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS band (
  cloud TEXT, region TEXT, type TEXT, band TEXT, PRIMARY KEY (cloud, region, type)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spot_history (
  cloud TEXT, region TEXT, zone TEXT, type TEXT, at INTEGER, nanos INTEGER,
  PRIMARY KEY (cloud, region, zone, type, at)) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS spot_changed AFTER UPDATE OF nanos ON price
WHEN new.purchase = 'spot' AND new.nanos <> old.nanos BEGIN
  INSERT INTO spot_history SELECT old.cloud, old.region, old.zone, old.type, old.priced_at, old.nanos
  WHERE NOT EXISTS (SELECT 1 FROM spot_history WHERE cloud = old.cloud AND region = old.region AND zone = old.zone
    AND type = old.type AND at = old.priced_at);
END;
CREATE TABLE IF NOT EXISTS batch (number INTEGER PRIMARY KEY, taken_at INTEGER, what TEXT);
"""
_MACHINE = """
INSERT INTO machine VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
  arch = coalesce(excluded.arch, arch), vcpus = coalesce(nullif(excluded.vcpus, 0), vcpus),
  memory_mib = coalesce(nullif(excluded.memory_mib, 0), memory_mib), gpu = coalesce(excluded.gpu, gpu),
  gpu_count = coalesce(nullif(excluded.gpu_count, 0), gpu_count),
  gpu_memory_mib = coalesce(nullif(excluded.gpu_memory_mib, 0), gpu_memory_mib)"""
_PRICE = """
INSERT INTO price VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
  nanos = excluded.nanos, source = excluded.source, priced_at = excluded.priced_at, batch = excluded.batch
  WHERE excluded.priced_at >= price.priced_at"""
_BAND = "INSERT INTO band VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET band = excluded.band"
# What a source does not list any more in a region that it answered for is not sold there.
_FORGET = """
DELETE FROM price WHERE batch < :batch AND (source, cloud, region) IN
  (SELECT DISTINCT source, cloud, region FROM price WHERE batch = :batch)"""


class Record:
    """The facts in one file. Use as a context manager; raises UnreachableError where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a transaction, committed at the end; writers wait for each other up to a minute."""
        with (
            _translated(self.path),
            closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as connection,
        ):
            connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;")
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def take(self, facts: Iterable[Fact], *, what: str, now: datetime, complete: bool) -> Taken:
        """Store the facts, all or none; `complete`: they are all that their sources have for the regions they name."""
        with self.opened() as connection:
            at = int(now.timestamp())
            connection.execute("INSERT INTO batch (taken_at, what) VALUES (?, ?)", (at, what))
            (batch,) = connection.execute("SELECT max(number) FROM batch").fetchone()
            writing = _Writing(connection, batch)
            for fact in facts:
                writing.add(fact)
            writing.flush()
            if complete:
                connection.execute(_FORGET, {"batch": batch})
            connection.execute("DELETE FROM spot_history WHERE at < ?", (at - HISTORY_S,))
            return writing.taken()


class _Writing:
    """Collects facts and writes them many at a time."""

    def __init__(self, connection: sqlite3.Connection, batch: int) -> None:
        self._connection = connection
        self._batch = batch
        self._rows: dict[str, list[tuple[object, ...]]] = {_MACHINE: [], _PRICE: [], _BAND: []}
        self._machines: set[tuple[str, str]] = set()
        self._left_out: Counter[str] = Counter()
        self._stated = self._waiting = 0

    def add(self, fact: Fact) -> None:
        match fact:
            case PriceFact():
                self._price(fact)
            case MachineFact():
                self._machine(fact)
            case BandFact():
                self._rows[_BAND].append((fact.cloud, fact.region, fact.instance_type, fact.band))
            case LeftOut():
                self._left_out[fact.reason] += 1
        self._waiting += 1
        if self._waiting >= _BATCH:
            self.flush()

    def flush(self) -> None:
        for statement, rows in self._rows.items():
            self._connection.executemany(statement, rows)
            rows.clear()
        self._waiting = 0

    def taken(self) -> Taken:
        """Return what came of it: of several prices for the same thing the newest was kept."""
        query = "SELECT count(*) FROM price WHERE batch = ?"
        (kept,) = self._connection.execute(query, (self._batch,)).fetchone()
        if self._stated > kept:
            self._left_out["a newer price of the same offer is known"] = self._stated - kept
        return Taken(prices=kept, machines=len(self._machines), left_out=dict(sorted(self._left_out.items())))

    def _price(self, fact: PriceFact) -> None:
        reason = _why_unusable(fact)
        if reason:
            self._left_out[reason] += 1
            return
        nanos = int((fact.usd_per_hour * NANOS).to_integral_value())
        place = (fact.cloud, fact.region, fact.zone, fact.instance_type, fact.purchase.value)
        at = int(fact.priced_at.timestamp())
        self._rows[_PRICE].append((*place, nanos, fact.source, at, self._batch))
        self._stated += 1

    def _machine(self, fact: MachineFact) -> None:
        key = (fact.cloud, fact.instance_type)
        if key in self._machines:
            return
        self._machines.add(key)
        arch = fact.arch.value if fact.arch else None
        specs = (arch, fact.vcpus, fact.memory_mib, fact.gpu, fact.gpu_count, fact.gpu_memory_mib)
        self._rows[_MACHINE].append((*key, *specs))


def _why_unusable(fact: PriceFact) -> str:
    price = fact.usd_per_hour
    if not price.is_finite():
        return "the price is not a number"
    if price < _LEAST_USD_PER_HOUR:
        return "the price is zero" if price >= 0 else "the price is negative"
    if price > MOST_USD_PER_HOUR:
        return f"the price is over {MOST_USD_PER_HOUR} USD an hour"
    if not (fact.cloud and fact.region and fact.instance_type):
        return "a name is missing"
    if "/" in f"{fact.cloud}{fact.region}{fact.zone}{fact.instance_type}":
        return "a name has a '/' in it"
    return ""


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if "full" in str(error):
            raise OutOfSpaceError(f"no room for prices in {path.parent}", next_step="Free some space.") from error
        raise UnreachableError(
            f"the prices in {path} cannot be used: {error}",
            next_step=f"If it is damaged, remove {path} and import or refresh the prices again.",
        ) from error
