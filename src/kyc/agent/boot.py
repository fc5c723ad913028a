"""What a cloud's instance runs at its first boot: it fetches the agent, checks it, and hands it to systemd.

This file's text is the instance's user data, with TOLD filled in by the master; cloud-init runs it once. So it uses the
standard library only, and nothing of kyc. After a reboot systemd starts the agent by itself.
"""

import contextlib
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

TOLD: dict[str, Any] = {}
UNIT = """[Unit]
Description=Keep Your Cost agent
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
EnvironmentFile={env}
ExecStart={python} -s -P -m kyc.agent
WorkingDirectory={work}
Restart=always
RestartSec=2
KillMode=mixed
TimeoutStopSec=60

[Install]
WantedBy=multi-user.target
"""


def main() -> int:
    """Set the agent up; return the exit code. Tries for ever to reach the master, which may be away."""
    given = os.environ.get("KYC_ROOT")  # by who runs it as a plain process, in a place of its own
    root = Path(given or TOLD.get("root", "/"))
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}-{platform.machine()}"
    sha256 = TOLD["bundles"].get(tag)
    if sha256 is None:
        sys.stderr.write(f"kyc: there is no agent for {tag}, only for {', '.join(sorted(TOLD['bundles']))}\n")
        return 1
    home = root / "opt/kyc"
    home.mkdir(mode=0o755, parents=True, exist_ok=True)
    here = install(home, tag, sha256)
    if given is not None:
        env = {**os.environ, **TOLD["env"], "PYTHONPATH": str(here)}
        os.execve(sys.executable, [sys.executable, "-s", "-P", "-m", "kyc.agent"], env)  # noqa: S606
    hand_to_systemd(root, here)
    return 0


def hand_to_systemd(root: Path, here: Path) -> None:
    """Have systemd run the agent now, whenever it ends, and after each reboot."""
    work = root / "var/lib/kyc"
    work.mkdir(mode=0o755, parents=True, exist_ok=True)
    told = {**TOLD["env"], "KYC_ROOT": str(work), "PYTHONPATH": str(here), "HOME": "/root"}
    env = root / "etc/kyc/agent.env"
    write(env, "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in told.items()), 0o600)
    unit = root / "etc/systemd/system/kyc-agent.service"
    write(unit, UNIT.format(env=env, python=sys.executable, work=work), 0o644)
    for words in (["daemon-reload"], ["enable", "kyc-agent"], ["restart", "kyc-agent"]):
        subprocess.run(["systemctl", *words], check=True)  # noqa: S607  # the image's own


def install(home: Path, tag: str, sha256: str) -> Path:
    """Fetch and unpack the bundle unless it is there; return its folder, which is whole or not there."""
    here = home / sha256[:16]
    if not here.is_dir():
        packed = home / "agent.tar.gz"
        env = TOLD["env"]
        fetch(f"{env['KYC_MASTER_URL']}/api/v1/agents/{env['KYC_INSTANCE_ID']}/bundle/{tag}", packed, sha256)
        beside = home / f".{sha256[:16]}"
        shutil.rmtree(beside, ignore_errors=True)
        with tarfile.open(packed) as tar:
            tar.extractall(beside, filter="data")
        beside.rename(here)
        packed.unlink()
    return here


def fetch(url: str, path: Path, sha256: str) -> None:
    """Download the file until it is the one with this hash."""
    headers = {"Authorization": f"Bearer {TOLD['env']['KYC_ENROL_TOKEN']}"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  # the master's
    wait_s = 1.0
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer, path.open("wb") as file:  # noqa: S310
                shutil.copyfileobj(answer, file)
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found == sha256:
                return
            sys.stderr.write(f"kyc: {url} has the hash {found}, not {sha256}\n")
        except (OSError, urllib.error.URLError) as error:
            sys.stderr.write(f"kyc: {url}: {error}\n")
        time.sleep(wait_s)
        wait_s = min(30.0, wait_s * 1.5)


def write(path: Path, text: str, mode: int) -> None:
    """Write a file that nobody sees half of."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    beside.replace(path)


if __name__ == "__main__":
    sys.exit(main())
