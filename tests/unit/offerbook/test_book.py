"""The offer book: what it takes, that it answers as the reference does, and what it does with bad input."""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.adapters.fake.clock import START
from kyc.adapters.offerbook.book import VECTORS
from kyc.adapters.offerbook.build import build_columns
from kyc.adapters.offerbook.catalog import COLUMNS_FILE, OfferBook
from kyc.adapters.offerbook.record import Record
from kyc.adapters.offerbook.table import read_table
from kyc.domain.errors import DamagedDataError, InvalidInputError, UnreachableError
from kyc.domain.offer import Arch, Offer, Pool, Purchase
from kyc.domain.workload import Bound, Requirement
from kyc.planning.match import CHECKS
from kyc.planning.offers import OfferGroup, OfferOrder, OfferQuery, search_offers
from kyc.planning.risk import PoolRecord, RiskBook
from kyc.ports.catalog import Taken
from kyc.ports.pricefeed import BandFact, Fact, LeftOut, MachineFact, PriceFact

DAY = timedelta(days=1)


def price(value: str = "1", **changes: object) -> PriceFact:
    fact = PriceFact(
        cloud="aws",
        region="east",
        zone="e1",
        instance_type="m",
        purchase=Purchase.SPOT,
        usd_per_hour=Decimal(value),
        source="test",
        priced_at=START,
    )
    return replace(fact, **changes)  # type: ignore[arg-type]


def take(folder: Path, *facts: Fact, complete: bool = False) -> Taken:
    record = Record(folder / "prices.db")
    taken = record.take(facts, what="test", now=START, complete=complete)
    build_columns(record, folder / COLUMNS_FILE)
    return taken


async def everything(folder: Path) -> list[Offer]:
    return (await OfferBook(folder).search(OfferQuery(limit=10_000))).offers


async def test_facts_become_offers(tmp_path: Path) -> None:
    machine = MachineFact(
        cloud="aws", instance_type="m", vcpus=4, memory_mib=8192, arch=Arch.ARM64, gpu="T4", gpu_count=1
    )
    taken = take(
        tmp_path,
        machine,
        BandFact(cloud="aws", region="east", instance_type="m", band="5-10%"),
        price("0.25"),
        price("1", zone="", purchase=Purchase.ON_DEMAND),
    )
    assert taken == Taken(prices=2, machines=1)
    spot, listed = await everything(tmp_path)
    assert (spot.id, spot.price_usd_per_hour, spot.on_demand_usd_per_hour) == ("aws/east/e1/m/spot", Decimal("0.25"), 1)
    assert (spot.vcpus, spot.memory_mib, spot.arch, spot.gpu, spot.interruption_band) == (
        4,
        8192,
        Arch.ARM64,
        "T4",
        "5-10%",
    )
    assert spot.interruptions_per_hour == pytest.approx(0.0001, rel=0.1)
    assert (listed.id, listed.interruption_band, listed.interruptions_per_hour) == ("aws/east/*/m/on_demand", "", None)
    assert (spot.source, spot.priced_at) == ("test", START)


async def test_an_unknown_list_price_is_not_invented(tmp_path: Path) -> None:
    take(tmp_path, price("0.25"))
    (offer,) = await everything(tmp_path)
    assert (offer.on_demand_known, offer.on_demand_usd_per_hour) == (False, Decimal("0.25"))
    assert (offer.vcpus, offer.memory_mib, offer.arch) == (0, 0, None)


async def test_prices_that_cannot_be_are_left_out_with_a_reason(tmp_path: Path) -> None:
    bad = [price(value) for value in ("0", "-1", "NaN", "Infinity", "1e9")]
    taken = take(
        tmp_path, *bad, price(region=""), price(region="a/b"), LeftOut(reason="not Linux"), price("2", zone="ok")
    )
    assert taken.prices == 1
    assert taken.left_out == {
        "a name has a '/' in it": 1,
        "a name is missing": 1,
        "not Linux": 1,
        "the price is negative": 1,
        "the price is not a number": 2,
        "the price is over 100000 USD an hour": 1,
        "the price is zero": 1,
    }
    assert [offer.price_usd_per_hour for offer in await everything(tmp_path)] == [2]


async def test_of_duplicates_the_newest_stays(tmp_path: Path) -> None:
    taken = take(tmp_path, price("1"), price("3", priced_at=START + DAY), price("2"))
    assert taken.left_out == {"a newer price of the same offer is known": 2}
    assert [offer.price_usd_per_hour for offer in await everything(tmp_path)] == [3]
    take(tmp_path, price("9", priced_at=START - DAY))
    assert [offer.price_usd_per_hour for offer in await everything(tmp_path)] == [3]


async def test_spot_above_on_demand_is_kept_and_seen(tmp_path: Path) -> None:
    take(tmp_path, price("2"), price("1", purchase=Purchase.ON_DEMAND))
    listed, spot = await everything(tmp_path)
    assert listed.purchase is Purchase.ON_DEMAND
    assert spot.price_usd_per_hour > spot.on_demand_usd_per_hour


async def test_a_complete_answer_ends_what_is_not_in_it(tmp_path: Path) -> None:
    west = price("5", region="west", zone="w1")
    take(tmp_path, price("1"), price("2", instance_type="gone"), west, price("7", instance_type="x", source="other"))
    take(tmp_path, price("1", priced_at=START + DAY), complete=True)
    assert [offer.price_usd_per_hour for offer in await everything(tmp_path)] == [1, 5, 7]


async def test_all_or_nothing(tmp_path: Path) -> None:
    def breaking() -> object:
        yield price("1")
        raise UnreachableError("the network is gone")

    take(tmp_path, price("4"))
    with pytest.raises(UnreachableError):
        Record(tmp_path / "prices.db").take(breaking(), what="test", now=START, complete=True)  # type: ignore[arg-type]
    build_columns(Record(tmp_path / "prices.db"), tmp_path / COLUMNS_FILE)
    assert [offer.price_usd_per_hour for offer in await everything(tmp_path)] == [4]


async def test_new_columns_are_seen_and_none_is_no_error(tmp_path: Path) -> None:
    book = OfferBook(tmp_path)
    assert (await book.search(OfferQuery())).searched == 0
    assert await book.coverage() == []
    take(tmp_path, price("4"))
    assert (await book.search(OfferQuery())).total == 1
    take(tmp_path, price("5", zone="e2"))
    assert (await book.search(OfferQuery())).total == 2
    assert [(one.source, one.rows) for one in await book.coverage()] == [("test", 2)]


@pytest.mark.parametrize("content", [b"", b"kyc-offers-1\n\0\0\0", b"x" * 100, b"kyc-offers-1\n\0\0\0" + b"\xff" * 100])
async def test_a_damaged_file_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / COLUMNS_FILE).write_bytes(content)
    with pytest.raises(DamagedDataError):
        await OfferBook(tmp_path).search(OfferQuery())


async def test_a_cut_off_file_is_damaged(tmp_path: Path) -> None:
    take(tmp_path, price("4"))
    path = tmp_path / COLUMNS_FILE
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DamagedDataError):
        await OfferBook(tmp_path).search(OfferQuery())


def test_a_record_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "prices.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(UnreachableError, match="cannot be used"):
        take(tmp_path, price())


# --- the same answers as the reference ---

_NAMES = st.sampled_from
_FACTS = st.builds(
    price,
    value=st.sampled_from(["0.01", "0.02", "0.5", "1", "2.000000001", "30"]),
    cloud=_NAMES(["aws", "gcp"]),
    region=_NAMES(["us", "us-1"]),
    zone=_NAMES(["", "a", "b"]),
    instance_type=_NAMES(["m", "m-1", "g"]),
    purchase=st.sampled_from(list(Purchase)),
)
_MACHINES = [
    MachineFact(cloud="aws", instance_type="m", vcpus=4, memory_mib=8000, arch=Arch.X86_64),
    MachineFact(cloud="gcp", instance_type="m", vcpus=0.25, memory_mib=1024, arch=Arch.ARM64),
    MachineFact(
        cloud="aws", instance_type="g", vcpus=8, memory_mib=65536, gpu="A100", gpu_count=2, gpu_memory_mib=40960
    ),
    MachineFact(
        cloud="gcp", instance_type="g", vcpus=2, memory_mib=4096, gpu="T4", gpu_count=0.5, gpu_memory_mib=16384
    ),
]
_BANDS = [BandFact(cloud="aws", region="us", instance_type="m", band=">20%")]
_BOUNDS = st.sampled_from([Bound(), Bound(least=4), Bound(least=1, most=4), Bound(most=2)])
_WISHES = st.builds(
    Requirement,
    cloud=_NAMES([None, "aws", "gcp", "moon"]),
    region=_NAMES([None, "us"]),
    zone=_NAMES([None, "a"]),
    instance_type=_NAMES([None, "g"]),
    vcpus=_BOUNDS,
    memory_gib=_BOUNDS,
    gpu=_NAMES([None, "a100", "T4"]),
    gpu_count=_NAMES([0, 0.5, 2]),
    gpu_memory_gib=st.sampled_from([Bound(), Bound(least=16)]),
    arch=st.sampled_from([None, *Arch]),
    max_price_usd_per_hour=st.sampled_from([None, Decimal("0.02"), Decimal(2), Decimal("2.000000001")]),
    use_spot=st.booleans(),
)
_TAKEN = PoolRecord(hours=3, interruptions=2, last_at=START)
_RISKS = RiskBook(pools={Pool(cloud="aws", zone="a", instance_type="m"): _TAKEN}, read_at=START)
_QUERIES = st.builds(
    OfferQuery,
    any_of=st.lists(_WISHES, max_size=2).map(tuple),
    purchase=st.sampled_from([None, *Purchase]),
    clouds=st.sampled_from([None, frozenset({"aws"}), frozenset()]),
    order=st.sampled_from(list(OfferOrder)),
    group=st.sampled_from([None, *OfferGroup]),
    per_group=st.integers(1, 2),
    limit=st.integers(1, 20),
    risks=st.sampled_from([RiskBook(), _RISKS]),
)


def test_every_check_has_its_vector() -> None:
    assert set(VECTORS) == {check.name for check in CHECKS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("book")


@settings(max_examples=12)
@given(facts=st.lists(_FACTS, min_size=1, max_size=30), queries=st.lists(_QUERIES, min_size=5, max_size=20))
async def test_columns_answer_as_the_reference_does(
    folder: Path, facts: list[PriceFact], queries: list[OfferQuery]
) -> None:
    (folder / "prices.db").unlink(missing_ok=True)
    take(folder, *_MACHINES, *_BANDS, *facts)
    book = OfferBook(folder)
    offers = await everything(folder)
    for query in queries:
        assert await book.search(query) == search_offers(offers, query)


# --- tables ---

_HEAD = "cloud,region,zone,instance_type,arch,vcpus,memory_gib,on_demand_usd_h,spot_usd_h,spot_kind,as_of,spot_source\n"


def table(folder: Path, *lines: str, head: str = _HEAD) -> Path:
    path = folder / "t.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(head + "\n".join(lines))
    return path


def test_a_line_becomes_a_machine_and_two_prices(tmp_path: Path) -> None:
    facts = list(read_table(table(tmp_path, "aws,east,e1,m,arm64,4,7.5,1.5,0.5,derived,2026-05-01,seen")))
    machine, spot, listed = facts
    assert isinstance(machine, MachineFact)
    assert (machine.memory_mib, machine.arch) == (7680, Arch.ARM64)
    assert isinstance(spot, PriceFact)
    assert isinstance(listed, PriceFact)
    assert (spot.source, spot.priced_at) == ("seen (derived)", datetime(2026, 5, 1, tzinfo=UTC))
    assert (listed.source, listed.usd_per_hour, listed.purchase) == ("t.csv.gz", Decimal("1.5"), Purchase.ON_DEMAND)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("aws,east,,m,,,,,,,2026-05-01,", "no price is stated"),
        ("aws,east,,m,,,,free,,,2026-05-01,", "the price is not a number"),
        ("aws,east,,m,,,,1,,,,", "the price has no date"),
        ("aws,east,,m,,,,1,,,yesterday,", "the price has no date"),
        ("aws,,,m,,,,1,,,2026-05-01,", "a name is missing"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, line: str, reason: str) -> None:
    facts = list(read_table(table(tmp_path, line)))
    assert LeftOut(reason=reason) in facts
    assert not [fact for fact in facts if isinstance(fact, PriceFact)]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no column"):
        list(read_table(table(tmp_path, head="a,b\n")))
    broken = tmp_path / "broken.gz"
    broken.write_bytes(table(tmp_path, "x").read_bytes()[:20])
    with pytest.raises(InvalidInputError, match=r"broken\.gz"):
        list(read_table(broken))
    with pytest.raises(InvalidInputError):
        list(read_table(tmp_path / "none"))
    plain = tmp_path / "plain.csv"
    with plain.open("w", newline="") as file:
        csv.writer(file).writerow(["cloud", "region", "instance_type"])
    assert list(read_table(plain)) == []
