"""What the local cloud knows of an instance, one JSON file each, and the folder that holds them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One instance. Times are seconds since 1970; `pid_started` (clock ticks) tells a process from a later namesake.

    `ended_at` is set once nothing of it runs. `interrupt_at` is when a planned interruption gives its notice of
    `notice_s`; `noticed_at` and `deadline_at` are set from then on, and announced by the metadata service.
    """

    provider_id: str
    instance_id: str
    deployment_id: str
    zone: str
    instance_type: str
    spot: bool
    user_data: str
    requested_at: float
    address: str = ""
    port: int = 0
    pid: int | None = None
    pid_started: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    end_reason: str = ""
    interrupt_at: float | None = None
    notice_s: float = 0.0
    noticed_at: float | None = None
    deadline_at: float | None = None
    rebalance_at: float | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None


class Book:
    """The records on disk, `folder/<provider id>/instance.json`; each is replaced whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def home(self, provider_id: str) -> Path:
        """Return the folder of an instance."""
        return self._folder / provider_id

    def load(self) -> Iterator[Record]:
        """Yield every record; a folder without one belongs to a launch that never got far."""
        for path in sorted(self._folder.glob("*/instance.json")):
            yield Record(**json.loads(path.read_bytes()))

    def save(self, record: Record) -> None:
        """Replace the instance's record; readable by the owner only, for the user data in it."""
        folder = self.home(record.provider_id)
        folder.mkdir(exist_ok=True, mode=0o700)
        write_whole(folder / "instance.json", json.dumps(asdict(record), indent=1).encode())

    def remove(self, provider_id: str) -> None:
        """Forget an instance that ended long ago."""
        shutil.rmtree(self.home(provider_id), ignore_errors=True)


def write_whole(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write beside and rename, so that nobody ever reads half."""
    beside = path.with_name(f".{path.name}.new")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    beside.replace(path)
