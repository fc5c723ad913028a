"""Trees of files for tests: made, edited at random, and read back as plain values that can be compared."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path

Seen = dict[bytes, tuple[object, ...]]


def seen(root: Path, *, without: frozenset[bytes] = frozenset()) -> Seen:
    """Return everything that a restore must bring back: kinds, modes, times, contents, targets, shared inodes."""
    found: Seen = {}
    first_names: dict[int, bytes] = {}
    top = os.fsencode(root)
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(folders + files):
            place = folder + b"/" + name
            path = os.path.relpath(place, top)
            looked = os.lstat(place)
            if path in without:
                continue
            mode, mtime = stat.S_IMODE(looked.st_mode), looked.st_mtime_ns
            if stat.S_ISLNK(looked.st_mode):
                found[path] = ("link", os.readlink(place), mtime)  # noqa: PTH115
            elif stat.S_ISDIR(looked.st_mode):
                found[path] = ("folder", mode, mtime)
            else:
                with open(place, "rb") as file:  # noqa: PTH123
                    content = file.read()
                first = first_names.setdefault(looked.st_ino, path)
                found[path] = ("file", mode, mtime, content, first)
    return found


def edit(root: Path, rng: random.Random, *, times: int = 1, large: int = 1_500_000) -> None:
    """Change something at random, as many times."""
    for _ in range(times):
        rng.choice(_EDITS)(root, rng, large)


def _name(rng: random.Random) -> str:
    odd = [
        "ü",
        "a b",
        "-x",
        "日本",
        "new\nline",
        os.fsdecode(b"\xff\xfe"),
        "..x",
        "UPPER",
        "x" * 200,
        "'\"",
        "a\\b",
        "%s",
    ]
    return rng.choice(odd) + str(rng.randrange(30)) if rng.random() < 0.4 else f"f{rng.randrange(40)}"


def _folders(root: Path) -> list[Path]:
    return [root, *sorted(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())]


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def _any(root: Path, rng: random.Random) -> Path | None:
    paths = sorted(root.rglob("*"))
    return rng.choice(paths) if paths else None


def _free(root: Path, rng: random.Random) -> Path:
    while True:
        path = rng.choice(_folders(root)) / _name(rng)
        if not path.is_symlink() and not path.exists():
            return path


def _size(rng: random.Random, large: int) -> int:
    return rng.choice([0, 1, 100, 5000, 60_000, 131_071, 131_072, 200_000, rng.randrange(large)])


def _content(rng: random.Random, size: int) -> bytes:
    return rng.choice([rng.randbytes(size), b"\0" * size, (b"text %d " % rng.randrange(10) * (size // 7 + 1))[:size]])


def _write(root: Path, rng: random.Random, large: int) -> None:
    path = _free(root, rng)
    path.write_bytes(_content(rng, _size(rng, large)))
    path.chmod(rng.choice([0o644, 0o600, 0o755, 0o400, 0o4711]))


def _sparse(root: Path, rng: random.Random, large: int) -> None:
    with _free(root, rng).open("wb") as file:
        for _ in range(rng.randrange(3)):
            file.seek(rng.randrange(4 * large) & ~4095)
            file.write(rng.randbytes(rng.randrange(1, 9000)))
        file.truncate(max(file.tell(), rng.randrange(4 * large)))


def _folder(root: Path, rng: random.Random, large: int) -> None:
    path = _free(root, rng)
    path.mkdir()
    path.chmod(rng.choice([0o755, 0o700, 0o777, 0o1777]))


def _symlink(root: Path, rng: random.Random, large: int) -> None:
    _free(root, rng).symlink_to(rng.choice(["x", "../..", "/etc/passwd", "f1", "ü", ".//x/", os.fsdecode(b"\xf0")]))


def _hardlink(root: Path, rng: random.Random, large: int) -> None:
    files = _files(root)
    if files:
        os.link(rng.choice(files), _free(root, rng))


def _remove(root: Path, rng: random.Random, large: int) -> None:
    path = _any(root, rng)
    if path is not None:
        remove(path)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for child in path.iterdir():
            remove(child)
        path.rmdir()
    else:
        path.unlink()


def _rename(root: Path, rng: random.Random, large: int) -> None:
    path = _any(root, rng)
    if path is None:
        return
    to = _free(root, rng)
    if path not in to.parents:
        path.rename(to)


def _change(root: Path, rng: random.Random, large: int) -> None:
    files = _files(root)
    if not files:
        return
    path = rng.choice(files)
    path.chmod(0o600)
    size = path.stat().st_size
    data = rng.randbytes(rng.randrange(1, 300_000))
    match rng.randrange(4):
        case 0:
            with path.open("ab") as file:
                file.write(data)
        case 1:
            with path.open("r+b") as file:
                file.seek(rng.randrange(size + 1))
                file.write(data)
        case 2:
            os.truncate(path, rng.randrange(size + 1))
        case _:
            old = path.read_bytes()
            at = rng.randrange(size + 1)
            path.write_bytes(old[:at] + data + old[at:])


def _touch(root: Path, rng: random.Random, large: int) -> None:
    path = _any(root, rng)
    if path is not None:
        time_ns = rng.randrange(-(10**18), 2 * 10**18)
        os.utime(path, ns=(time_ns, time_ns), follow_symlinks=False)


def _chmod(root: Path, rng: random.Random, large: int) -> None:
    path = _any(root, rng)
    if path is not None and not path.is_symlink():
        path.chmod(rng.choice([0o755, 0o700, 0o711]) if path.is_dir() else rng.choice([0o644, 0o400, 0o777]))


_EDITS = [
    _write,
    _write,
    _write,
    _folder,
    _folder,
    _symlink,
    _hardlink,
    _sparse,
    _remove,
    _rename,
    _change,
    _change,
    _touch,
    _chmod,
]
