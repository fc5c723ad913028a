"""The process that brings prices in: `python -m kyc.master.pricing FOLDER import FILE`, or `fetch FEED`.

The second place where ports meet adapters: the table of feeds is here. Prints one line of JSON, for the keeper.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from kyc.adapters.aws.bulk import AwsPriceList
from kyc.adapters.aws.spot import AwsSpot
from kyc.adapters.azure.prices import AzurePrices
from kyc.adapters.gcp.prices import GcpPrices
from kyc.adapters.gpuhunt.prices import GpuHunt
from kyc.adapters.offerbook.build import build_columns
from kyc.adapters.offerbook.catalog import COLUMNS_FILE, RECORD_FILE
from kyc.adapters.offerbook.keeper import FeedKind, Outcome
from kyc.adapters.offerbook.record import Record
from kyc.adapters.offerbook.table import read_table
from kyc.adapters.system.web import SystemWeb
from kyc.domain.errors import InvalidInputError, KycError
from kyc.ports.catalog import Taken
from kyc.ports.pricefeed import PriceFeed, Web
from kyc.wire.problem import problem_of

Env = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A feed, how often it is asked, and how it is made from the environment."""

    cloud: str
    every: timedelta
    make: Callable[[Web, Env], PriceFeed]


_FEEDS: Mapping[str, _Entry] = {
    "aws-spot": _Entry(
        cloud="aws", every=timedelta(hours=1), make=lambda web, env: AwsSpot(web, regions=_regions(env, "AWS"))
    ),
    "aws-list": _Entry(
        cloud="aws",
        every=timedelta(days=7),
        make=lambda web, env: AwsPriceList(
            web, regions=_regions(env, "AWS"), derive_spot=not _has_aws_credentials(env)
        ),
    ),
    "azure-retail": _Entry(
        cloud="azure", every=timedelta(hours=12), make=lambda web, env: AzurePrices(web, regions=_regions(env, "AZURE"))
    ),
    "gcp-billing": _Entry(
        cloud="gcp",
        every=timedelta(days=1),
        make=lambda web, env: GcpPrices(web, api_key=env.get("KYC_GCP_API_KEY", "")),
    ),
    "gpuhunt": _Entry(cloud="gpuhunt", every=timedelta(hours=12), make=lambda _web, _env: GpuHunt()),
}
FEED_KINDS = [FeedKind(name=name, cloud=entry.cloud, every=entry.every) for name, entry in _FEEDS.items()]


def main(argv: Sequence[str], env: Env) -> int:
    """Do one thing; print its outcome; return 0, or 1 where it failed."""
    try:
        folder, verb, what = argv
        taken = _take(Path(folder), verb, what, env)
    except KycError as error:
        print_outcome(Outcome(problem=problem_of(error)))
        return 1
    print_outcome(Outcome(taken=taken))
    return 0


def print_outcome(outcome: Outcome) -> None:
    """Write the line that the keeper reads."""
    sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")


def _take(folder: Path, verb: str, what: str, env: Env) -> Taken:
    record, now = Record(folder / RECORD_FILE), datetime.now(UTC)
    if verb == "import":
        taken = record.take(read_table(Path(what)), what=f"import {Path(what).name}", now=now, complete=False)
    elif verb == "fetch" and what in _FEEDS:
        feed = _FEEDS[what].make(SystemWeb(), env)
        facts = list(feed.fetch(now=now))  # all of it first: the record is locked while it is written
        taken = record.take(facts, what=f"fetch {what}", now=now, complete=True)
    else:
        raise InvalidInputError(f"nothing is known of {verb} {what}", next_step=f"Feeds: {', '.join(_FEEDS)}.")
    build_columns(record, folder / COLUMNS_FILE)
    return taken


def _has_aws_credentials(env: Env) -> bool:
    return (
        bool(env.get("AWS_ACCESS_KEY_ID") or env.get("AWS_PROFILE")) or (Path.home() / ".aws" / "credentials").is_file()
    )


def _regions(env: Env, cloud: str) -> tuple[str, ...]:
    """The regions a person limits a feed to, as in KYC_AWS_REGIONS=us-east-1,eu-west-1; empty: all."""
    return tuple(name.strip() for name in env.get(f"KYC_{cloud}_REGIONS", "").split(",") if name.strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
