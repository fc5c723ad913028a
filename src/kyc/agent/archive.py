"""The workdir a job was submitted with: fetched from the master, checked against its hash, unpacked."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path

from kyc.agent.fetch import download
from kyc.domain.errors import DamagedDataError

log = logging.getLogger(__name__)


class MasterArchives:
    """Fetches archives (tar, compressed with zstd) from the master by way of a file in `folder`."""

    def __init__(self, url: str, secret: str, folder: Path) -> None:
        self._url = url
        self._secret = secret
        self._folder = folder

    async def fetch(self, sha256: str, folder: Path) -> None:
        """Unpack the archive of this hash into the folder; raise DamagedDataError if it is not that one, or hostile."""
        from kyc.agent.unpack import unpack  # noqa: PLC0415  # tarfile and zstandard: only once they are needed

        archive = self._folder / "archive.tar.zst"
        try:
            await self._download(sha256, archive)
            await asyncio.to_thread(unpack, archive, folder)
        finally:
            archive.unlink(missing_ok=True)

    async def _download(self, sha256: str, to: Path) -> None:
        digest = hashlib.sha256()
        async with download(self._url, secret=self._secret) as blocks:
            with to.open("wb") as file:
                async for block in blocks:
                    digest.update(block)
                    file.write(block)
        if digest.hexdigest() != sha256:
            raise DamagedDataError(
                f"the archive from the master has the hash {digest.hexdigest()[:12]}, not {sha256[:12]}",
                next_step="Submit the job again.",
            )
        log.info("archive_fetched", extra={"sha256": sha256})
