"""The commands about what can be bought: offers and the catalog; and the numbers behind a choice, for `kyc why`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from kyc.cli.output import Cell, Output
from kyc.cli.words import ago, now, number, plural, span, usd
from kyc.domain.errors import InvalidInputError
from kyc.sdk.calls import OfferWish
from kyc.sdk.client import Client
from kyc.wire.api import CatalogReport, CoverageRow, EventRow, FeedRow, OfferRow, SearchReport

SHOWN = 50
_POLL_S = 1.0
_STALE = Cell("stale", "yellow")


def offers(args: argparse.Namespace, out: Output) -> int:
    """Search what can be bought, or looked at."""
    wish = OfferWish(
        cpus=args.cpus,
        memory=args.memory,
        gpu=args.gpu,
        gpu_memory=args.gpu_memory,
        arch=args.arch,
        type=args.type,
        cloud=args.cloud,
        region=args.region,
        zone=args.zone,
        spot=args.spot,
        max_price=args.max_price,
        sort=args.sort,
        group=args.group,
        limit=args.limit,
    )
    with Client() as client:
        rows = client.offers(**wish)
        if not rows and args.cloud:
            _check_cloud(args.cloud, client)
        why_none = None if rows else client.explain_offers(**wish)
    if out.json:
        out.document(rows)
    elif why_none is not None:
        _explain(out, why_none)
    else:
        show_offers(out, rows, grouped=args.group is not None)
        if args.limit is not None and len(rows) == args.limit:
            out.line(f"The first {len(rows)}; --limit shows more.")
    return 0


def _check_cloud(cloud: str, client: Client) -> None:
    """Refuse a cloud that there is not; one whose prices are not here yet is no mistake."""
    report = client.catalog()
    clouds = [row.cloud for row in report.coverage] + [feed.cloud for feed in report.feeds]
    known = {*clouds, *(row.name for row in client.clouds())}
    if cloud.lower() not in known:
        raise InvalidInputError(f"there is no cloud {cloud!r}", next_step=f"Known are {', '.join(sorted(known))}.")


def show_offers(out: Output, rows: list[OfferRow], *, chosen: str = "", grouped: bool = False) -> None:
    """Print offers as a table; the chosen one is marked, and so is a price that is too old."""
    columns = ("", "OFFER", ">CPUS", ">MEMORY", "GPU", ">PRICE/H", ">ON DEMAND", ">SAVING", "INTERRUPTED", ">AGE", "")
    at = now()
    table: list[list[Cell | str]] = [
        [
            Cell("*" if row.id == chosen else "", "green"),
            Cell(row.id, "bold" if row.id == chosen else ""),
            number(row.vcpus) if row.vcpus else "-",
            f"{number(row.memory_gib)} GiB" if row.memory_gib else "-",
            f"{row.gpu}:{number(row.gpu_count)}" if row.gpu else "-",
            usd(row.price_usd_per_hour),
            usd(row.on_demand_usd_per_hour),
            "-" if row.saving is None else f"{row.saving:.0%}",
            _interruptions(row),
            span(max(0.0, (at - row.priced_at).total_seconds())),
            _STALE if row.stale else "",
            *([f"best of {row.group_size}"] if grouped else []),
        ]
        for row in rows
    ]
    out.table((*columns, "GROUP") if grouped else columns, table)
    if any(row.stale for row in rows):
        out.line(
            "Stale prices may have changed: `kyc catalog refresh` fetches new ones, `kyc catalog info` shows ages."
        )


def _interruptions(row: OfferRow) -> str:
    if not row.spot:
        return "never"
    return f"{row.interruption_band} a month" if row.interruption_band else "-"


def _explain(out: Output, report: SearchReport) -> None:
    """Say why nothing fits, and what comes nearest."""
    if report.searched == 0:
        out.line(
            "There are no offers. See `kyc cloud list`, or bring prices in: `kyc catalog refresh` or `import FILE`."
        )
        return
    out.line(f"None of {plural(report.searched, 'offer')} meets that.")
    left = report.searched
    for one in report.removed:
        left -= one.count
        out.line(f"  {one.filter} {one.wish}: {one.count} fell out, {max(left, 0)} left")
    if report.nearest:
        out.line()
        out.line("The nearest:")
        show_offers(out, report.nearest)


def catalog(args: argparse.Namespace, out: Output) -> int:
    """Show what prices there are, fetch them, or take them from a file."""
    match args.verb:
        case "info":
            return _info(args, out)
        case "refresh":
            return _refresh(args, out)
        case _:
            return _import(args, out)


def _info(args: argparse.Namespace, out: Output) -> int:
    with Client() as client:
        report = client.catalog()
    if args.cloud:
        report = _only(report, args.cloud)
    if out.json:
        out.document(report)
        return 0
    rows = report.coverage if args.regions else _by_source(report.coverage)
    columns = ("CLOUD", "REGION", "SOURCE", "KIND", ">PRICES", ">NEWEST", ">OLDEST", "")
    at = now()
    out.table(
        columns,
        [
            [
                row.cloud,
                row.region,
                row.source,
                "spot" if row.spot else "on-demand",
                str(row.rows),
                ago(row.newest_at, now=at),
                ago(row.oldest_at, now=at),
                _STALE if row.stale else "",
            ]
            for row in rows
        ],
    )
    out.line()
    _show_feeds(out, report.feeds)
    return 0


def _only(report: CatalogReport, cloud: str) -> CatalogReport:
    coverage = [row for row in report.coverage if row.cloud == cloud]
    feeds = [feed for feed in report.feeds if feed.cloud == cloud]
    return CatalogReport(rows=sum(row.rows for row in coverage), coverage=coverage, feeds=feeds)


def _by_source(rows: list[CoverageRow]) -> list[CoverageRow]:
    """Return the regions of each cloud, source and kind as one line."""
    groups: dict[tuple[str, str, bool], list[CoverageRow]] = {}
    for row in rows:
        groups.setdefault((row.cloud, row.source, row.spot), []).append(row)
    return [
        CoverageRow(
            cloud=cloud,
            region=plural(len({row.region for row in group}), "region"),
            source=source,
            spot=spot,
            rows=sum(row.rows for row in group),
            oldest_at=min(row.oldest_at for row in group),
            newest_at=max(row.newest_at for row in group),
            age_s=min(row.age_s for row in group),
            stale=all(row.stale for row in group),
        )
        for (cloud, source, spot), group in sorted(groups.items())
    ]


def _refresh(args: argparse.Namespace, out: Output) -> int:
    with Client() as client:
        report = client.refresh_catalog(args.cloud)
        asked = {feed.name for feed in report.feeds if feed.state == "waiting"}
        told: set[str] = set()
        while not args.detach and told != asked:
            time.sleep(_POLL_S if told or not asked else _POLL_S / 4)
            report = client.catalog()
            for feed in report.feeds:
                if feed.name in asked - told and feed.state != "waiting":
                    told.add(feed.name)
                    _tell_feed(out, feed)
    feeds = [feed for feed in report.feeds if feed.name in asked]
    if out.json:
        out.document(feeds)
    elif args.detach:
        out.line(f"Asked: {', '.join(sorted(asked))}. `kyc catalog info` shows how they fare.")
    return 1 if any(feed.state == "failed" for feed in feeds) else 0


def _tell_feed(out: Output, feed: FeedRow) -> None:
    if not out.json:
        out.line(f"{feed.name}: {feed.failure or 'prices are in'}")


def _import(args: argparse.Namespace, out: Output) -> int:
    if args.file is None:
        raise InvalidInputError("no file is named", next_step="Write `kyc catalog import FILE` (csv, csv.gz, parquet).")
    with Client() as client:
        report = client.import_prices(Path(args.file))
    if out.json:
        out.document(report)
        return 0
    out.line(f"Took {plural(report.prices, 'price')} of {plural(report.machines, 'instance type')}.")
    for reason, count in report.left_out.items():
        out.line(f"  {count} left out: {reason}")
    return 0


def _show_feeds(out: Output, feeds: list[FeedRow]) -> None:
    at = now()
    rows: list[list[Cell | str]] = [
        [
            feed.name,
            feed.cloud,
            Cell(feed.state, "red" if feed.state == "failed" else ""),
            span(feed.every_s),
            ago(feed.fetched_at, now=at),
            feed.failure or "-",
        ]
        for feed in feeds
    ]
    out.table(("FEED", "CLOUD", "STATE", ">EVERY", "FETCHED", "FAILURE"), rows)


def choice_lines(event: EventRow) -> list[str]:
    """Return the numbers behind the choice of an offer, in words; none for an event without them."""
    data = event.data
    if "expected_usd" not in data:
        return []

    def amount(name: str) -> float:
        value = data.get(name)
        return float(value) if isinstance(value, int | float) else 0.0

    assumed = "" if data.get("work_known") else " (assumed)"
    lines = [
        f"expected {usd(amount('expected_usd'))} for {number(amount('work_hours'))} h of work{assumed}:"
        f" {amount('expected_hours'):.2f} h at {usd(amount('price_usd_per_hour'))}/h,"
        f" {amount('expected_interruptions'):.3f} interruptions, start-up {span(amount('startup_s'))},"
        f" moving bytes {usd(amount('transfer_usd'))}",
        f"price by {data.get('price_source')}, read {data.get('priced_at')};"
        f" compared {number(amount('considered'))} offers",
    ]
    others = data.get("others")
    for other in others if isinstance(others, list) else []:
        if isinstance(other, dict):
            avoided = ", avoided: its pool has just failed" if other.get("avoided") else ""
            lines.append(f"next: {other.get('offer')} expected {usd(other.get('expected_usd'))}{avoided}")
    return lines
