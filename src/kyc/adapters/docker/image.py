"""Images: there already, pulled with progress, or from a tar file beside the workload's files."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

from aiodocker import Docker
from aiodocker.exceptions import DockerError

from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.ports.runtime import OnPull

_BLOCK = 1 << 20
_MISSING = 404
_LOADED = re.compile(r"Loaded image(?: ID)?: (\S+)")


def is_file(image: str) -> bool:
    """Say whether the image is a tar file of the workload."""
    return image.startswith(("./", "/")) or image.endswith((".tar", ".tar.gz", ".tgz"))


async def have_image(docker: Docker, image: str, folder: Path, on_pull: OnPull) -> str:
    """Return the name under which the engine has the image now.

    Raises InvalidInputError for one that does not exist, UnreachableError for what may work later.
    """
    if is_file(image):
        return await _from_file(docker, folder / image)
    if not await _is_there(docker, image):
        await _pull(docker, image, on_pull)
    return image


async def _is_there(docker: Docker, image: str) -> bool:
    try:
        await docker.images.inspect(image)
    except DockerError as error:
        if error.status == _MISSING:
            return False
        raise
    return True


async def _pull(docker: Docker, image: str, on_pull: OnPull) -> None:
    done: dict[str, int] = {}
    total: dict[str, int] = {}
    async for step in docker.images.pull(image, stream=True):
        if "error" in step:
            raise UnreachableError(f"{image} cannot be pulled: {step['error']}", next_step="Check the image's name.")
        detail = step.get("progressDetail") or {}
        if step.get("id") and detail.get("total"):
            total[step["id"]] = detail["total"]
            done[step["id"]] = max(done.get(step["id"], 0), detail.get("current", 0))
            on_pull(sum(done.values()), sum(total.values()))
    size = sum(total.values())
    on_pull(size, size)


async def _from_file(docker: Docker, path: Path) -> str:
    """Load what `docker save` wrote, or import a root file system, once for each content."""
    digest, saved = await asyncio.to_thread(_look_into, path)
    name = f"kyc-file:{digest[:24]}"
    if await _is_there(docker, name):
        return name
    if saved:
        await _load(docker, path, name)
    else:
        await _import(docker, path, name)
    return name


def _look_into(path: Path) -> tuple[str, bool]:
    """Return the file's hash, and whether `docker save` wrote it."""
    if not path.is_file():
        raise InvalidInputError(f"there is no image file {path.name}", next_step="Put it into the workdir.")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    try:
        with tarfile.open(path) as tar:
            saved = any(member.name.lstrip("./") == "manifest.json" for member in tar)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InvalidInputError(
            f"{path.name} is no tar file: {error}", next_step="Write it by `docker save`."
        ) from error
    return digest.hexdigest(), saved


async def _load(docker: Docker, path: Path, name: str) -> None:
    loaded = ""
    async for step in docker.images.import_image(_blocks(path), stream=True):
        if "error" in step:
            raise InvalidInputError(f"{path.name} cannot be loaded: {step['error']}")
        found = _LOADED.search(str(step.get("stream", "")))
        loaded = found[1] if found else loaded
    if not loaded:
        raise InvalidInputError(f"{path.name} holds no image", next_step="Write it by `docker save`.")
    repo, tag = name.split(":")
    await docker.images.tag(loaded, repo=repo, tag=tag)


async def _import(docker: Docker, path: Path, name: str) -> None:
    repo, tag = name.split(":")
    async with docker._query(  # aiodocker has no call for a root file system
        "images/create",
        "POST",
        params={"fromSrc": "-", "repo": repo, "tag": tag},
        data=_blocks(path),
        headers={"Content-Type": "application/x-tar"},
    ) as answer:
        text = await answer.text()
    if '"error"' in text:
        raise InvalidInputError(f"{path.name} cannot be imported: {text.strip()[-200:]}")


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block
