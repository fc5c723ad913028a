"""Commands as real processes: what ends, what is killed, what is said."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kyc.adapters.process.runtime import MAX_LINE_BYTES, ProcessRuntime, RunningProcess
from kyc.domain.errors import InvalidInputError
from kyc.ports.runtime import Command

ENV = {"PATH": os.environ["PATH"], "HOME": "/tmp"}


async def start(folder: Path, script: str, env: dict[str, str] | None = None) -> RunningProcess:
    return await ProcessRuntime().start(Command(name="test", script=script, folder=folder, env=ENV | (env or {})))


async def lines(running: RunningProcess) -> list[str]:
    return [line async for line in running.output()]


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(met: Callable[[], bool], *, within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not met():
            await asyncio.sleep(0.01)


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Callable[[int], list[int]]]:
    """Read the process ids that a script noted, one a line, in the file `pids`; end what is left of them."""
    note = tmp_path / "pids"

    def read(count: int) -> list[int]:
        found = note.read_text().split() if note.exists() else []
        return [int(pid) for pid in found] if len(found) >= count else []

    yield read
    for pid in read(0):
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


async def test_output_and_error_keep_their_order_and_the_exit_code_is_the_scripts(tmp_path: Path) -> None:
    running = await start(tmp_path, "echo a; echo b >&2; printf 'c\\n\\npartial'; exit 7")
    assert await lines(running) == ["a", "b", "c", "", "partial"]
    assert await running.wait() == 7


async def test_a_long_line_is_cut_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    running = await start(tmp_path, f"head -c {MAX_LINE_BYTES * 2 + 5} /dev/zero | tr '\\0' x; echo; echo end")
    got = await lines(running)
    assert got[-1] == "end"
    assert "".join(got[:-1]) == "x" * (MAX_LINE_BYTES * 2 + 5)
    assert max(map(len, got)) < MAX_LINE_BYTES * 2
    assert await running.wait() == 0


async def test_the_environment_is_what_was_given_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYC_ENROL_TOKEN", "secret")
    running = await start(tmp_path, "env", {"KYC_WORKLOAD": "train"})
    names = {line.partition("=")[0] for line in await lines(running)}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME", "KYC_WORKLOAD"}
    await running.wait()


async def test_a_signal_is_128_and_its_number(tmp_path: Path) -> None:
    running = await start(tmp_path, "kill -KILL $$")
    assert await lines(running) == []
    assert await running.wait() == 137


async def test_a_folder_that_is_not_there_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await start(tmp_path / "missing", "true")
    assert caught.value.next_step


async def test_wait_does_not_need_the_output_to_be_read(tmp_path: Path) -> None:
    running = await start(tmp_path, "echo unread")
    assert await asyncio.wait_for(running.wait(), 10) == 0
    assert await lines(running) == ["unread"]


async def test_stop_gives_every_process_the_grace_to_save(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(
        "import signal, time, sys\n"
        "signal.signal(15, lambda *_: (time.sleep(0.7), print('saved'), sys.exit(0)))\n"
        "print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    running = await start(tmp_path, f"{sys.executable} child.py; echo not reached")
    output = running.output()
    assert await anext(output) == "up"
    stopping = asyncio.create_task(running.stop(grace_s=10))
    assert [line async for line in output] == ["saved"]
    assert await stopping == 143  # the shell's own


async def test_stop_kills_what_does_not_listen_and_what_left_the_group(
    tmp_path: Path, pids: Callable[[int], list[int]]
) -> None:
    running = await start(
        tmp_path,
        "trap '' TERM; echo $$ >> pids; (setsid sh -c 'trap \"\" TERM; echo $$ >> pids; sleep 60; true' &); "
        "while :; do sleep 0.1; done",
    )
    await until(lambda: bool(pids(2)))
    began = time.monotonic()
    assert await running.stop(grace_s=0.2) == 137
    assert time.monotonic() - began < 5
    assert await lines(running) == []
    assert not any(is_alive(pid) for pid in pids(2))


async def test_what_the_first_process_leaves_behind_is_ended(tmp_path: Path, pids: Callable[[int], list[int]]) -> None:
    running = await start(tmp_path, "setsid sh -c 'echo $$ >> pids; sleep 60; true' & while [ ! -s pids ]; do :; done")
    assert await lines(running) == []
    assert await running.wait() == 0
    assert not is_alive(pids(1)[0])


PARENT = '''
import asyncio, pathlib, sys
from kyc.adapters.process.runtime import ProcessRuntime
from kyc.ports.runtime import Command
script = """
echo $$ >> pids
(setsid sh -c 'echo $$ >> pids; sleep 60; true' &)
sh -c 'echo $$ >> pids; sleep 60; true'
true
"""
async def main():
    command = Command(name="work", script=script, folder=pathlib.Path(sys.argv[1]), env={"PATH": "/usr/bin:/bin"})
    running = await ProcessRuntime().start(command)
    async for _ in running.output():
        pass
asyncio.run(main())
'''


async def test_killing_the_parent_kills_the_work_with_its_children(
    tmp_path: Path, pids: Callable[[int], list[int]]
) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, str(tmp_path))
    await until(lambda: bool(pids(3)))
    assert all(is_alive(pid) for pid in pids(3))
    parent.kill()
    await parent.wait()
    await until(lambda: not any(is_alive(pid) for pid in pids(3)), within_s=5)


async def test_killing_the_keeper_kills_the_work(tmp_path: Path, pids: Callable[[int], list[int]]) -> None:
    running = await start(tmp_path, "echo $$ >> pids; sh -c 'echo $$ >> pids; sleep 60; true'; true")
    await until(lambda: bool(pids(2)))
    keeper = int(Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(keeper, signal.SIGKILL)
    assert await running.wait() == 137
    await until(lambda: not any(is_alive(pid) for pid in pids(2)), within_s=5)
    assert await lines(running) == []
