"""Searching for offers: order, filters, groups, and why there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import START
from kyc.domain.offer import Arch, Offer, Purchase, read_offer_id
from kyc.domain.workload import Bound, Requirement
from kyc.planning.coverage import count_offers
from kyc.planning.freshness import Freshness, age_s
from kyc.planning.match import bound_text
from kyc.planning.offers import OfferGroup, OfferOrder, OfferQuery, merge_results, search_offers
from kyc.planning.risk import PoolRecord, RiskBook

SMALL = fake_offer(price="0.03")
LARGE = replace(fake_offer(instance_type="large", price="0.08"), vcpus=4, interruptions_per_hour=0.01)
SURE = fake_offer(purchase=Purchase.ON_DEMAND, price="0.10")
GPU = replace(
    fake_offer(cloud="far", instance_type="g", price="2"), gpu="A100", gpu_count=2, gpu_memory_mib=40 * 1024, vcpus=16
)
ALL = [SURE, LARGE, SMALL, GPU]


def found(query: OfferQuery) -> list[Offer]:
    return search_offers(ALL, query).offers


def wish(**wishes: object) -> OfferQuery:
    return OfferQuery(any_of=(Requirement(**wishes),))  # type: ignore[arg-type]


def test_orders() -> None:
    assert found(OfferQuery()) == [SMALL, LARGE, SURE, GPU]
    assert found(OfferQuery(order=OfferOrder.VALUE)) == [LARGE, SMALL, SURE, GPU]
    assert found(OfferQuery(order=OfferOrder.RISK)) == [SMALL, LARGE, SURE, GPU]


def test_risk_is_money() -> None:
    calm, wild = replace(SMALL, zone="calm"), replace(SMALL, zone="wild", price_usd_per_hour=Decimal("0.0299"))
    taken = RiskBook(pools={wild.pool: PoolRecord(hours=1, interruptions=20, last_at=START)}, read_at=START)
    query = OfferQuery(order=OfferOrder.RISK)
    assert search_offers([calm, wild], query).offers == [wild, calm]
    assert search_offers([calm, wild], replace(query, risks=taken)).offers == [calm, wild]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (OfferQuery(purchase=Purchase.SPOT), [SMALL, LARGE, GPU]),
        (OfferQuery(purchase=Purchase.ON_DEMAND), [SURE]),
        (OfferQuery(clouds=frozenset({"far"})), [GPU]),
        (OfferQuery(clouds=frozenset()), []),
        (OfferQuery(any_of=()), []),
        (wish(vcpus=Bound(least=2)), [LARGE, GPU]),
        (wish(vcpus=Bound(least=2, most=4)), [LARGE]),
        (wish(gpu="a100"), [GPU]),
        (wish(gpu_count=2), [GPU]),
        (wish(gpu_count=3), []),
        (wish(gpu_memory_gib=Bound(least=40)), [GPU]),
        (wish(gpu_memory_gib=Bound(least=41)), []),
        (wish(arch=Arch.ARM64), []),
        (wish(use_spot=False), [SURE]),
        (wish(max_price_usd_per_hour=Decimal("0.08")), [SMALL, LARGE]),
        (OfferQuery(any_of=(Requirement(gpu="A100"), Requirement(vcpus=Bound(least=4, most=4)))), [LARGE, GPU]),
    ],
)
def test_filters(query: OfferQuery, expected: list[Offer]) -> None:
    assert found(query) == expected


def test_a_machine_of_unknown_size_comes_last_by_value_and_fits_no_size() -> None:
    odd = replace(SMALL, vcpus=0, memory_mib=0, arch=None)
    assert search_offers([odd, SURE], OfferQuery(order=OfferOrder.VALUE)).offers == [SURE, odd]
    assert search_offers([odd], wish(vcpus=Bound(least=1))).offers == []
    assert search_offers([odd], wish(arch=Arch.X86_64)).offers == []


def test_value_of_gpus_is_by_their_memory() -> None:
    dense = replace(GPU, zone="b", gpu_memory_mib=80 * 1024, price_usd_per_hour=Decimal(3))
    query = replace(wish(gpu="A100"), order=OfferOrder.VALUE)
    assert search_offers([GPU, dense], query).offers == [dense, GPU]


def test_groups_show_their_best() -> None:
    result = search_offers(ALL, OfferQuery(group=OfferGroup.CLOUD))
    assert [(one.offer, one.group_size) for one in result.found] == [(SMALL, 3), (GPU, 1)]
    assert result.total == 4
    two = search_offers(ALL, OfferQuery(group=OfferGroup.CLOUD, per_group=2))
    assert two.offers == [SMALL, LARGE, GPU]
    assert search_offers(ALL, OfferQuery(group=OfferGroup.GPU)).offers == [SMALL, GPU]


def test_an_empty_answer_says_which_filter_removed_how_many() -> None:
    result = search_offers(ALL, wish(cloud="fake", vcpus=Bound(least=4), max_price_usd_per_hour=Decimal("0.01")))
    assert [(one.filter, one.wish, one.count) for one in result.removed] == [
        ("cloud", "fake", 1),
        ("cpus", "4+", 2),
        ("max price", "0.01 USD/h", 1),
    ]
    assert result.total == 0
    assert result.nearest[0] == LARGE  # it misses one wish, the others two
    assert len(result.nearest) == 4


def test_nothing_to_search_is_an_answer_too() -> None:
    result = search_offers([], wish(cloud="aws"))
    assert (result.searched, result.total, result.found, result.nearest) == (0, 0, (), ())
    assert result.removed[0].count == 0


@pytest.mark.parametrize(
    "query",
    [
        OfferQuery(),
        OfferQuery(limit=2),
        OfferQuery(group=OfferGroup.CLOUD, per_group=2),
        wish(cloud="nowhere"),
        wish(vcpus=Bound(least=100), cloud="far"),
    ],
)
def test_several_catalogs_answer_as_one(query: OfferQuery) -> None:
    parts = [search_offers(ALL[:2], query), search_offers(ALL[2:], query)]
    merged, whole = merge_results(parts, query), search_offers(ALL, query)
    assert merged.offers == whole.offers
    assert (merged.total, merged.searched, merged.nearest) == (whole.total, whole.searched, whole.nearest)
    assert {(one.filter, one.count) for one in merged.removed} == {(one.filter, one.count) for one in whole.removed}


def test_an_offer_id_is_read_back() -> None:
    anywhere = replace(SMALL, zone="")
    assert anywhere.id == "fake/fake/*/small/spot"
    assert anywhere.pool.zone == "fake"
    for offer in (SMALL, anywhere):
        name = read_offer_id(offer.id)
        assert name is not None
        assert (name.cloud, name.region, name.zone, name.instance_type, name.purchase) == (
            offer.cloud,
            offer.region,
            offer.zone,
            offer.instance_type,
            offer.purchase,
        )
    assert read_offer_id("a/b/c/d/free") is None
    assert read_offer_id("nonsense") is None


def test_bounds_in_words() -> None:
    bounds = [Bound(), Bound(least=4), Bound(least=4, most=4), Bound(least=4, most=8), Bound(most=8)]
    assert [bound_text(bound) for bound in bounds] == ["", "4+", "4", "4..8", "..8"]


def test_coverage_counts_by_source_and_kind() -> None:
    older = replace(SMALL, zone="z", priced_at=START - timedelta(hours=1))
    counted = count_offers([SMALL, older, SURE])
    assert [(one.purchase, one.rows, one.oldest_at) for one in counted] == [
        (Purchase.ON_DEMAND, 1, START),
        (Purchase.SPOT, 2, START - timedelta(hours=1)),
    ]


def test_prices_get_stale_by_source_and_kind() -> None:
    usual = Freshness()
    assert not usual.is_stale(SMALL, now=START + timedelta(hours=6))
    assert usual.is_stale(SMALL, now=START + timedelta(hours=6, seconds=1))
    assert not usual.is_stale(SURE, now=START + timedelta(days=29))
    strict = Freshness(by_source={"fake": timedelta(minutes=1)})
    assert strict.is_stale(SURE, now=START + timedelta(minutes=2))
    assert not strict.is_stale(SURE, now=START - timedelta(days=1))  # a clock that jumped back makes nothing stale
    assert age_s(SURE, now=START - timedelta(days=1)) == 0


def test_a_price_of_a_whole_region_holds_in_each_of_its_zones() -> None:
    """As Google's and Azure's do, and AWS's on demand."""
    wide = replace(SMALL, region="west", zone="")
    for wish in (Requirement(zone="west-b"), Requirement(region="west", zone="west-b")):
        [found] = search_offers([wide], OfferQuery(any_of=(wish,))).offers
        assert found == replace(wide, zone="west-b")
    assert search_offers([wide], OfferQuery(any_of=(Requirement(zone="east-b"),))).offers == []
    numbered = Requirement(region="west", zone="2")  # Azure's zones are numbers
    assert search_offers([wide], OfferQuery(any_of=(numbered,))).offers == [replace(wide, zone="2")]
    assert search_offers([wide], OfferQuery(any_of=(Requirement(zone="2"),))).offers == []
    assert search_offers([wide], OfferQuery(any_of=(Requirement(region="west"), numbered))).offers == [wide]
