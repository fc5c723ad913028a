"""Searching for offers."""

from __future__ import annotations

from dataclasses import replace

from kyc.adapters.fake.catalog import fake_offer
from kyc.domain.offer import Offer, Purchase
from kyc.domain.workload import Bound, Requirement
from kyc.planning.offers import OfferOrder, select_offers

SMALL = fake_offer(price="0.03")
LARGE = replace(fake_offer(instance_type="large", price="0.08"), vcpus=4, interruptions_per_hour=0.01)
SURE = fake_offer(purchase=Purchase.ON_DEMAND, price="0.10")
ALL = [SURE, LARGE, SMALL]


def found(order: OfferOrder, *, purchase: Purchase | None = None, wish: Requirement | None = None) -> list[Offer]:
    return select_offers(ALL, [wish or Requirement()], purchase=purchase, order=order)


def test_orders() -> None:
    assert found(OfferOrder.PRICE) == [SMALL, LARGE, SURE]
    assert found(OfferOrder.VALUE) == [LARGE, SMALL, SURE]
    assert found(OfferOrder.RISK) == [SURE, LARGE, SMALL]


def test_filters() -> None:
    assert found(OfferOrder.PRICE, purchase=Purchase.SPOT) == [SMALL, LARGE]
    assert found(OfferOrder.PRICE, purchase=Purchase.ON_DEMAND) == [SURE]
    assert found(OfferOrder.PRICE, wish=Requirement(vcpus=Bound(least=2))) == [LARGE]
    assert select_offers(ALL, [], purchase=None, order=OfferOrder.PRICE) == []


def test_a_machine_without_a_processor_count_comes_last_by_value() -> None:
    odd = replace(SMALL, vcpus=0)
    assert select_offers([odd, SURE], [Requirement()], purchase=None, order=OfferOrder.VALUE) == [SURE, odd]
