"""How spot prices changed: what the record noted at each change, and the price that holds now."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from kyc.domain.alert import Market
from kyc.domain.errors import UnreachableError
from kyc.ports.catalog import SpotPrice

_NANO = Decimal("1e-9")
_HISTORY = """
SELECT zone, at, nanos FROM spot_history WHERE cloud = :cloud AND region = :region AND type = :type
UNION
SELECT zone, priced_at, nanos FROM price WHERE cloud = :cloud AND region = :region AND type = :type
  AND purchase = 'spot'
ORDER BY zone, at"""


def read_history(path: Path, market: Market, since: datetime) -> list[SpotPrice]:
    """Return the market's spot prices since, and the one that held then; nothing where there is no record yet."""
    if not path.is_file():
        return []
    keys = {"cloud": market.cloud, "region": market.region, "type": market.instance_type}
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
            rows = connection.execute(_HISTORY, keys).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # written by a version that kept none
            return []
        raise UnreachableError(f"the prices in {path} cannot be read: {error}", next_step="Try again.") from error
    wanted = (row for row in rows if market.zone in {"", row[0]})
    return [price for _, zone in groupby(wanted, key=lambda row: row[0]) for price in _since(zone, since)]


def _since(rows: Iterable[tuple[str, int, int]], since: datetime) -> list[SpotPrice]:
    prices = [
        SpotPrice(at=datetime.fromtimestamp(at, UTC), zone=zone, usd_per_hour=(nanos * _NANO).normalize())
        for zone, at, nanos in rows
    ]
    before = [price for price in prices if price.at <= since]
    return [*before[-1:], *(price for price in prices if price.at > since)]
