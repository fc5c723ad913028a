"""A master's process with the real store, home, log and server, but no cloud (`python -m`)."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from kyc.adapters.sql.database import sqlite_url
from kyc.adapters.sql.store import SqlStore
from kyc.master.archives import Archives
from kyc.master.main import Start, main
from kyc.master.services import Services
from tests.integration.stand import make_stand


@asynccontextmanager
async def build(start: Start) -> AsyncIterator[Services]:
    store = await SqlStore.open(sqlite_url(start.home.database))
    stand = make_stand(start.home.path / "stand", store=store)
    archives = Archives(start.home.archives, limit_bytes=start.settings.archive_limit_bytes)
    token = start.home.admin_token()
    try:
        yield replace(stand.services, identity=start.identity, admin_token=token, archives=archives)
    finally:
        await store.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], build=build))
