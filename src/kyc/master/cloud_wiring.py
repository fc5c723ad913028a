"""The providers of clouds that a person can have accounts of, each with what it needs."""

from __future__ import annotations

from collections.abc import Mapping

from kyc.master.home import Home
from kyc.ports.account import CloudProvider
from kyc.ports.store import Store


def make_providers(home: Home, store: Store) -> Mapping[str, CloudProvider]:
    """Return the providers by the names of their clouds."""
    del home, store
    return {}
