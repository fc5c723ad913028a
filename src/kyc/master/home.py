"""KYC_HOME: the folder in which one master at a time keeps what it has. Its layout is in docs/architecture.md."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from kyc.domain.errors import ConflictError, InvalidInputError, OutOfSpaceError

_TOKEN_BYTES = 32
_ID_BYTES = 4
_FULL = {errno.ENOSPC, errno.EDQUOT}


class MasterFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a running master leaves in `master.json` for people and tools of the same machine."""

    pid: int
    url: str
    version: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folder's places."""

    path: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "master.db"

    @property
    def archives(self) -> Path:
        """The folder of uploaded workdirs."""
        return self.path / "archives"

    @property
    def catalog(self) -> Path:
        """The folder of prices."""
        return self.path / "catalog"

    @property
    def ssh_key(self) -> Path:
        """The private key by which this master reaches instances."""
        return self.path / "ssh" / "id_ed25519"

    @property
    def log(self) -> Path:
        """The master's own log."""
        return self.path / "logs" / "master.log"

    @property
    def port_file(self) -> Path:
        """Where the port that was last listened at is kept."""
        return self.path / "port"

    @property
    def master_file(self) -> Path:
        """Where a running master tells its address."""
        return self.path / "master.json"

    def prepare(self) -> None:
        """Make the folder, for this user alone; raise InvalidInputError, OutOfSpaceError where that cannot be done."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.log.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            if error.errno in _FULL:
                raise self._full() from error
            raise InvalidInputError(
                f"KYC_HOME {self.path} cannot be used: {error.strerror}",
                next_step="Set KYC_HOME to a folder in which you may write.",
            ) from error

    @contextmanager
    def minding_space(self) -> Iterator[None]:
        """Translate the error of a full disk into OutOfSpaceError, leave any other as it comes."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise self._full() from error
            raise

    def _full(self) -> OutOfSpaceError:
        return OutOfSpaceError(
            f"the disk of KYC_HOME {self.path} is full", next_step="Free some space there, then start the master again."
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; raise ConflictError if another master does. The system lets go of it if we are killed."""
        with (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                other = self.read_master_file()
                where = f" (process {other.pid}, {other.url})" if other else ""
                raise ConflictError(
                    f"a master runs already in KYC_HOME {self.path}{where}",
                    next_step="Use it, end it with `kyc down`, or set another KYC_HOME.",
                ) from error
            yield

    def admin_token(self) -> str:
        """Return the administrator's token, made at the first start."""
        return _kept(self.path / "token", lambda: secrets.token_urlsafe(_TOKEN_BYTES))

    def master_id(self) -> str:
        """Return the name by which clouds tell this master's instances from others', made at the first start."""
        return _kept(self.path / "master.id", lambda: secrets.token_hex(_ID_BYTES))

    def read_master_file(self) -> MasterFile | None:
        """Return what the running master told, None if nothing; after a kill -9 the last one's word is still there."""
        try:
            return msgspec.json.decode(self.master_file.read_bytes(), type=MasterFile)
        except (OSError, msgspec.DecodeError):
            return None

    @contextmanager
    def told(self, file: MasterFile) -> Iterator[None]:
        """Tell the running master's address; take it back at the end."""
        write_whole(self.master_file, msgspec.json.format(msgspec.json.encode(file)))
        try:
            yield
        finally:
            self.master_file.unlink(missing_ok=True)


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Return the text of the file; make it first if it is not there. Nobody else may read it."""
    if path.is_file():
        path.chmod(0o600)
        text = path.read_text(encoding="ascii").strip()
        if text:
            return text
    text = make()
    write_whole(path, f"{text}\n".encode())
    return text


def write_whole(path: Path, content: bytes) -> None:
    """Write the file so that readers see all of it or the old one, also after a power cut; mode 0600."""
    number, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
