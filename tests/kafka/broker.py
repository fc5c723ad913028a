"""One Apache Kafka broker of our own, in KRaft mode on loopback: formatted, started, killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.kafka.jars import archive, libs

_START_S = 120
_STOP_S = 120  # the first one writes the class-data archive
_FORMAT = "kafka.tools.StorageTool"
_SERVER = "kafka.Kafka"


class Broker:
    """A broker on 127.0.0.1. It keeps its port and its files over `kill` and `start`; `close` removes all of it.

    `extra` lines go into its settings; `client_listener` is the security protocol that clients must speak; `users` may
    sign in with SCRAM-SHA-512, by name and password; `advertised_port` is where they are told to come, if elsewhere.
    """

    def __init__(
        self,
        *,
        extra: tuple[str, ...] = (),
        client_listener: str = "PLAINTEXT",
        users: Mapping[str, str] | None = None,
        advertised_port: int | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kyc-kafka-"))
        self.port, self._controller_port, self._inner_port = _free_ports(3)
        self._advertised_port = advertised_port or self.port
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = self.folder / "server.properties"
        self._settings.write_text("\n".join((*self._lines(client_listener), *extra, "")))
        self._archiving: Path | None = None
        scram = [
            word
            for name, password in (users or {}).items()
            for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]
        self._java(_FORMAT, "format", "--standalone", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", str(self._settings), *scram)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return once it accepts connections."""
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                (*self._command(), _SERVER, str(self._settings)), stdout=log, stderr=log, cwd=self.folder
            )
        deadline = time.monotonic() + _START_S
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the broker did not start:\n{(self.folder / 'broker.log').read_text()[-3000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Stop it where it is: its connections stay open, and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)
        while psutil.Process(self.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it cleanly; the first end leaves the class-data archive behind for later starts."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(_STOP_S)
        if self._archiving is not None and self._archiving.exists():
            self._archiving.rename(archive())
            self._archiving = None

    def close(self) -> None:
        """End it, and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_bytes(self, topic: str) -> int:
        """Return how many bytes the topic's partition has on the disk."""
        return sum(path.stat().st_size for path in (self.folder / "data" / f"{topic}-0").glob("*.log"))

    def ask(self, tool: str, *arguments: str) -> str:
        """Run one of Kafka's own tools, and return all that it says, be it of a failure."""
        command = _tool(tool, *arguments)
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_START_S, cwd=self.folder)
        return done.stdout + done.stderr

    def _lines(self, client_listener: str) -> tuple[str, ...]:
        here, controller = f"127.0.0.1:{self.port}", f"127.0.0.1:{self._controller_port}"
        there = f"127.0.0.1:{self._advertised_port}"
        inner = f"127.0.0.1:{self._inner_port}"  # the broker's way to itself, which no client's network is in
        return (
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.bootstrap.servers={controller}",
            f"listeners=CLIENT://{here},INNER://{inner},CONTROLLER://{controller}",
            f"advertised.listeners=CLIENT://{there},INNER://{inner}",
            f"listener.security.protocol.map=CLIENT:{client_listener},INNER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name=INNER",
            "controller.listener.names=CONTROLLER",
            f"log.dirs={self.folder / 'data'}",
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=1",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.num.partitions=1",
            "transaction.state.log.min.isr=1",
            "group.initial.rebalance.delay.ms=0",
            "auto.create.topics.enable=false",
            "log.cleaner.backoff.ms=300",
            "num.network.threads=2",
            "num.io.threads=2",
            "socket.receive.buffer.bytes=-1",  # the system's own, larger ones: worth a third of the throughput
            "socket.send.buffer.bytes=-1",
            "log.cleaner.dedupe.buffer.size=16777216",
        )

    def _command(self) -> tuple[str, ...]:
        flags = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xlog:disable", "-Xlog:all=error:stderr")
        if archive().exists():
            flags = (*flags, f"-XX:SharedArchiveFile={archive()}")
        else:
            self._archiving = archive().with_suffix(f".{os.getpid()}")
            self._archiving.parent.mkdir(parents=True, exist_ok=True)
            flags = (*flags, f"-XX:ArchiveClassesAtExit={self._archiving}")
        return ("java", *flags, "-cp", f"{libs()}/*")

    def _java(self, *arguments: str) -> None:
        subprocess.run(_tool(*arguments), check=True, capture_output=True, timeout=_START_S, cwd=self.folder)


def _tool(*arguments: str) -> tuple[str, ...]:
    return ("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{libs()}/*", *arguments)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
