"""One running instance: a process group in its own folder at its own place, watched until it ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kyc.adapters.local.fault import BAD_REQUEST, HALTED, Fault
from kyc.adapters.local.limit import Limiter
from kyc.adapters.local.metadata import Metadata
from kyc.adapters.local.place import Network, Place
from kyc.adapters.local.process import MARK, NO_SESSION, Process, kill_members, look_at, look_at_all, members, send
from kyc.adapters.local.record import Book, Record
from kyc.adapters.local.shape import SHAPES

_GONE_WITHIN_S = 5.0  # the kernel's time to clear away what was killed
_END_BYTES = 4096  # of a console
_LINE_LIMIT = 200


class Machine:
    """An instance from its start (or from when the daemon finds it again) to its end.

    `record` is what is known now; every change of it is on disk before it is seen. The instance ends when its first
    process, the user data, ends: as if the machine halted. `on_exit` is called once when that happens.
    """

    def __init__(
        self, record: Record, book: Book, *, now: Callable[[], float], on_exit: Callable[[Machine], None]
    ) -> None:
        self.record = record
        self._book = book
        self._now = now
        self._on_exit = on_exit
        self._place: Place | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._pidfd: int | None = None
        self._exited = asyncio.Event()  # its first process is gone
        self._ended = asyncio.Event()  # nothing is left of it
        self._is_ending = False
        self._known: Mapping[int, Process] = {}
        shape = SHAPES[record.instance_type]
        self._limiter = Limiter(vcpus=shape.vcpus, memory_mib=shape.memory_mib)

    @property
    def root(self) -> Path:
        """The instance's disk."""
        return self._book.home(self.record.provider_id) / "root"

    @property
    def mark(self) -> str:
        """What every process of the instance has in its environment; it names the local cloud too."""
        return str(self._book.home(self.record.provider_id))

    @property
    def is_busy(self) -> bool:
        """Whether it must be looked at often to be kept within its CPUs."""
        return self._limiter.is_busy

    def note(self, **changes: object) -> None:
        """Change the record, on disk first."""
        changed = replace(self.record, **changes)  # type: ignore[arg-type]  # names are the fields'
        self._book.save(changed)
        self.record = changed

    async def start(self, network: Network) -> None:
        """Take a place and start the user data; raise Fault if it is no script."""
        user_data = self.record.user_data
        if user_data and not user_data.startswith("#!"):
            raise Fault(BAD_REQUEST, "user data must be a script that begins with #!")
        self._place = await network.take(Metadata(lambda: self.record, self._now))
        self.note(address=self._place.address, port=self._place.port)
        self._child = self._spawn(self._place)
        seen = look_at(self._child.pid)
        self._watch(self._child.pid)
        self.note(pid=self._child.pid, pid_started=seen.started if seen else None, started_at=self._now())

    async def adopt(self, network: Network) -> bool:
        """Find the instance again after a restart of the daemon; False if its first process or its place is gone."""
        pid = self.record.pid if self.record.pid is not None else self._marked_first()
        seen = look_at(pid) if pid is not None else None
        if pid is None or seen is None or not seen.alive:
            return False
        if self.record.pid_started not in {None, seen.started}:
            return False
        try:
            self._place = await network.take(
                Metadata(lambda: self.record, self._now), address=self.record.address, port=self.record.port
            )
        except OSError:
            return False  # another local cloud has taken its address meanwhile
        self._watch(pid)
        started_at = self.record.started_at or self._now()
        self.note(pid=pid, pid_started=seen.started, started_at=started_at)
        return True

    def look(self, everything: dict[int, Process], now: float) -> None:
        """Find the instance's processes among all, and hold them to their limits."""
        if self.record.pid is None or not self.record.running:
            return
        self._known = members(self.record.pid, self._known.values(), everything)
        self._limiter.look(self._known, now)
        largest = self._limiter.overweight(self._known)
        if largest is not None:
            self._say(f"out of memory: killed process {largest}")
            send((largest,), signal.SIGKILL)

    async def end(self, reason: str) -> None:
        """Kill everything of it at once and give its place back; nothing happens if it has ended."""
        if not self.record.running:
            return
        if self._is_ending:
            await self._ended.wait()
            return
        self._is_ending = True
        self.note(end_reason=reason)
        kill_members(self._session(), self._known.values(), mark=self.mark)
        if self._pidfd is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GONE_WITHIN_S):
                    await self._exited.wait()
        self.note(ended_at=self._now(), user_data="")
        await self.let_go(stays=False)
        self._ended.set()

    async def let_go(self, *, stays: bool) -> None:
        """Stop watching it and close its place; `stays`: the daemon goes, the instance does not."""
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        if self._place is not None:
            await self._place.close(stays=stays)
            self._place = None

    def clear_disk(self) -> None:
        """Remove the files of an ended instance; may take long."""
        shutil.rmtree(self.root, ignore_errors=True)
        (self.root.parent / "user-data").unlink(missing_ok=True)

    def exit_story(self) -> str:
        """Say how the first process ended, with its last word and where the others are."""
        code = self._child.poll() if self._child is not None else None
        how = HALTED if code is None else f"{HALTED} (exit code {code})"
        console = self._book.home(self.record.provider_id) / "console.log"
        last = _last_line(console)
        return f"{how}: {last}; see {console}" if last else how

    def _session(self) -> int:
        """Return the session of its processes; none if its number may be another's by now."""
        pid = self.record.pid
        if pid is None:
            return NO_SESSION
        seen = look_at(pid)
        is_ours = seen is None or seen.started == self.record.pid_started
        return pid if is_ours and self._pidfd is not None else NO_SESSION

    def _spawn(self, place: Place) -> subprocess.Popen[bytes]:
        folder = self._book.home(self.record.provider_id)
        self.root.mkdir(mode=0o755)
        (self.root / "tmp").mkdir()
        script = folder / "user-data"
        script.write_text(self.record.user_data)
        script.chmod(0o700)
        command = [str(script)] if self.record.user_data else ["sleep", "infinity"]
        with (folder / "console.log").open("ab") as console:
            return subprocess.Popen(
                [*place.enter, *command],
                cwd=self.root,
                env=self._environment(place),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                umask=0o022,
            )

    def _environment(self, place: Place) -> dict[str, str]:
        shape = SHAPES[self.record.instance_type]
        engine = os.environ.get("DOCKER_HOST")  # an instance has no engine of its own: it is this machine's
        return {
            **({"DOCKER_HOST": engine} if engine else {}),
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.root),
            "TMPDIR": str(self.root / "tmp"),
            "LANG": "C.UTF-8",
            "KYC_ROOT": str(self.root),
            "KYC_ADDRESS": place.address,
            "KYC_METADATA_URL": place.metadata_url,
            "KYC_VCPUS": f"{shape.vcpus:g}",
            "KYC_MEMORY_MIB": str(shape.memory_mib),
            MARK: self.mark,
        }

    def _watch(self, pid: int) -> None:
        self._pidfd = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_readable)

    def _on_readable(self) -> None:
        assert self._pidfd is not None
        asyncio.get_running_loop().remove_reader(self._pidfd)
        if self._child is not None:
            self._child.poll()  # so that no zombie stays
        self._exited.set()
        self._on_exit(self)

    def _marked_first(self) -> int | None:
        """Return the oldest process with the mark: the daemon died between the start and the note of it."""
        found = members(NO_SESSION, (), look_at_all(), mark=self.mark)
        return min(found, key=lambda pid: found[pid].started, default=None)

    def _say(self, text: str) -> None:
        with (self._book.home(self.record.provider_id) / "console.log").open("a") as console:
            console.write(f"[local cloud] {text}\n")


def _last_line(path: Path) -> str:
    """Return the last line of a file that says something, shortened; "" if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _END_BYTES))
            lines = file.read().decode(errors="backslashreplace").split("\n")
    except OSError:
        return ""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    plain = "".join(char if char.isprintable() else " " for char in last)
    return plain if len(plain) <= _LINE_LIMIT else f"{plain[:_LINE_LIMIT]}..."
