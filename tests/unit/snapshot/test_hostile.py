"""Manifests and payloads that an enemy, or a broken disk, wrote: refused, bounded, and nothing outside is touched."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.adapters.directory.log import Log
from kyc.adapters.kafka import layout as kafka
from kyc.adapters.nats import layout as nats
from kyc.adapters.objects import layout as objects
from kyc.domain.errors import DamagedDataError
from kyc.domain.snapshot import ChunkId, ChunkRef, Entry, EntryKind, Piece
from kyc.snapshot.check import checked
from kyc.snapshot.cipher import TAG_BYTES
from kyc.snapshot.listing import NO_SIGNATURE, Listing, ListingBuilder, PageBlob, join_rows, page_chunks
from kyc.snapshot.manifest import Head, decode, encode, open_chunk
from kyc.snapshot.scan import Scope
from kyc.snapshot.seal import MAX_PLAIN_BYTES, Keyring, Sealer
from tests.unit.snapshot.lab import KEY, Lab

KEYS = Keyring(KEY)
SEALER = Sealer(KEYS)


def entry(path: str, kind: EntryKind = EntryKind.FILE, **changes: object) -> Entry:
    fields: dict[str, object] = {"path": path, "kind": kind, "mode": 0o644, "mtime_ns": 1}
    return Entry(**(fields | changes))  # type: ignore[arg-type]  # the tests give what does not fit on purpose


FOLDER, LINK, SECOND = EntryKind.FOLDER, EntryKind.SYMLINK, EntryKind.HARDLINK
CONTENT = b"owned"
CHUNK = KEYS.chunk_id(CONTENT)
PIECE = (Piece(chunk=CHUNK, offset=0, length=len(CONTENT)),)
DIGEST = KEYS.digest(CONTENT)
WHOLE: dict[str, object] = {"size": len(CONTENT), "pieces": PIECE, "digest": DIGEST}


async def plant(lab: Lab, entries: Sequence[Entry], *, kept: tuple[str, ...] = (".",)) -> None:
    """Commit a manifest of these entries, sealed with the right key."""
    writer = await lab.stream.open_writer("train", 1)
    ref = await writer.put(CHUNK, SEALER.seal(CHUNK, CONTENT))
    refs = {CHUNK: ChunkRef(id=CHUNK, stored_bytes=ref.stored_bytes, location=ref.location, plain_bytes=len(CONTENT))}
    builder = ListingBuilder()
    pages = [built for item in entries for built in builder.add(item, NO_SIGNATURE, refs)] + builder.finish()
    blobs = [PageBlob.of(KEYS.chunk_id(page.plain), page.plain, page.entries) for page in pages]
    await writer.commit(encode(head_of(len(entries), kept), Listing(blobs), SEALER))


def head_of(files: int, kept: tuple[str, ...] = (".",)) -> Head:
    return Head(
        workload="train",
        epoch=1,
        parent=None,
        taken_at=datetime(2026, 1, 1, tzinfo=UTC),
        kept=kept,
        ignored=(),
        files=files,
        bytes=0,
        missed=(),
    )


HOSTILE: dict[str, list[Entry]] = {
    "absolute": [entry("/etc/owned", **WHOLE)],
    "parent": [entry("../owned", **WHOLE)],
    "parent inside": [entry("a", FOLDER), entry("a/../../owned", **WHOLE)],
    "here": [entry(".", FOLDER)],
    "empty": [entry("", **WHOLE)],
    "double slash": [entry("a", FOLDER), entry("a//b", **WHOLE)],
    "trailing slash": [entry("a/", **WHOLE)],
    "nul": [entry("a\0b", **WHOLE)],
    "long name": [entry("x" * 256, **WHOLE)],
    "long path": [entry("/".join(["x" * 200] * 30), **WHOLE)],
    "under a link": [entry("a", LINK, target="/tmp"), entry("a/owned", **WHOLE)],
    "under a file": [entry("a", **WHOLE), entry("a/owned", **WHOLE)],
    "under nothing": [entry("a/owned", **WHOLE)],
    "twice": [entry("a", **WHOLE), entry("a", LINK, target="/etc")],
    "out of order": [entry("b", **WHOLE), entry("a", **WHOLE)],
    "hard link to outside": [entry("b", SECOND, target="../../etc/passwd")],
    "hard link to later": [entry("a", SECOND, target="b"), entry("b", **WHOLE)],
    "hard link to a link": [entry("a", LINK, target="/etc/passwd"), entry("b", SECOND, target="a")],
    "hard link to nothing": [entry("b", SECOND, target="a")],
    "huge": [entry("a", size=1 << 63, holes=((0, 1 << 63),))],
    "size that is not there": [entry("a", size=10**12, pieces=PIECE)],
    "bytes beyond the chunk": [entry("a", size=10, pieces=(Piece(chunk=CHUNK, offset=0, length=10),), digest=DIGEST)],
    "part of a chunk": [entry("a", size=2, pieces=(Piece(chunk=CHUNK, offset=1, length=2),))],
    "bad mode": [entry("a", **WHOLE, mode=0o1000000)],
    "folder with bytes": [entry("a", FOLDER, size=3)],
    "link to nowhere": [entry("a", LINK, target="")],
    "unfinished name": [entry(".kyc-part-1", **WHOLE)],
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_a_hostile_manifest_is_refused_and_nothing_outside_is_touched(lab: Lab, name: str) -> None:
    await plant(lab, HOSTILE[name])
    (lab.folder / "copy").mkdir()
    (lab.folder / "copy" / "mine").write_text("there before")
    outside = {path for path in lab.folder.rglob("*") if "copy" not in path.parts}
    with pytest.raises(DamagedDataError):
        await (await lab.restorer()).restore()
    assert {path for path in lab.folder.rglob("*") if "copy" not in path.parts} == outside
    assert not (lab.folder / "owned").exists()


async def test_a_page_that_is_named_again_and_again_is_refused(lab: Lab) -> None:
    writer = await lab.stream.open_writer("train", 1)
    builder = ListingBuilder()
    builder.add(entry("a", FOLDER), NO_SIGNATURE, {})
    (built,) = builder.finish()
    page = PageBlob.of(KEYS.chunk_id(built.plain), built.plain, built.entries)
    page.ref = await writer.put(page.id, SEALER.seal(page.id, built.plain))
    await writer.commit(encode(head_of(1), Listing([page] * 1000), SEALER))
    with pytest.raises(DamagedDataError):
        await (await lab.restorer()).restore()
    assert not (lab.folder / "copy" / "a").exists()


async def test_entries_beyond_the_kept_paths_are_refused(lab: Lab) -> None:
    await plant(lab, [entry("elsewhere", **WHOLE)], kept=("keep",))
    with pytest.raises(DamagedDataError, match="kept path"):
        await (await lab.restorer()).restore()


async def test_links_that_lie_in_the_way_are_not_followed(lab: Lab) -> None:
    outside = lab.folder / "outside"
    outside.mkdir()
    (outside / "file").write_text("not ours")
    copy = lab.folder / "copy"
    copy.mkdir()
    (copy / "a").symlink_to(outside)
    (copy / "b").symlink_to(outside / "file")
    (copy / "c").symlink_to(outside)
    await plant(lab, [entry("a", FOLDER, mode=0o755), entry("a/file", **WHOLE), entry("b", **WHOLE)])
    await (await lab.restorer()).restore()
    assert (outside / "file").read_text() == "not ours"
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (copy / "a").is_dir()
    assert not (copy / "a").is_symlink()
    assert (copy / "a" / "file").read_bytes() == (copy / "b").read_bytes() == CONTENT
    assert not (copy / "c").is_symlink()


async def test_a_link_may_point_anywhere_since_nobody_follows_it(lab: Lab) -> None:
    await plant(lab, [entry("python", LINK, target="/usr/bin/python3", mode=0o777)])
    await (await lab.restorer()).restore()
    assert os.readlink(lab.folder / "copy" / "python") == "/usr/bin/python3"  # noqa: PTH115


# --- decoders --------------------------------------------------------------------------------------------------------

json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=30,
)
rubbish = st.binary(max_size=300) | json_like.map(msgspec.msgpack.encode)


@settings(max_examples=100)
@given(data=rubbish)
def test_page_decoders_refuse_rubbish(data: bytes) -> None:
    for read in (lambda: list(join_rows([data])), lambda: page_chunks(data)):
        with suppress(DamagedDataError):
            read()


@settings(max_examples=100)
@given(data=rubbish, sealed=st.booleans())
def test_the_manifest_decoder_refuses_rubbish(data: bytes, sealed: bool) -> None:
    payload = SEALER.seal("manifest of train", data) if sealed else data
    with suppress(DamagedDataError):
        decode("train", payload, SEALER)


rows = st.tuples(
    st.integers(0, 5),
    st.binary(max_size=12) | st.sampled_from([b"a", b"a/b", b"../x", b"/x", b"."]),
    st.integers(0, 2**20),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-2, 2**63 - 1),
    st.sampled_from([b"", b"a", b"/etc"]),
    st.sampled_from([b"", bytes(16), b"x"]),
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-1, 10**6), st.integers(-1, 10**6)), max_size=4).map(list),
)
pages = st.tuples(
    st.just(1),
    st.lists(rows, max_size=6),
    st.lists(
        st.tuples(
            st.sampled_from([bytes(32), b"\1" * 32, b"short"]),
            st.integers(-1, 10**6),
            st.integers(-1, 2**40),
            st.text(),
        ),
        max_size=3,
    ),
).map(msgspec.msgpack.encode)


@settings(max_examples=150)
@given(data=st.lists(pages, max_size=2))
def test_well_formed_nonsense_is_refused_or_harmless(data: list[bytes]) -> None:
    try:
        chunks = {ref.id: ref for page in data for ref in page_chunks(page)}
        found = [item for item, _ in checked(((e, NO_SIGNATURE) for e in join_rows(data)), Scope(["."]), chunks)]
    except DamagedDataError:
        return
    for item in found:
        assert not item.path.startswith("/")
        assert ".." not in item.path.split("/")
        assert item.size == sum(p.length for p in item.pieces) + sum(length for _, length in item.holes)


log_like = st.lists(json_like | st.sampled_from(["o", "m", "d", 1, 2]), max_size=8).map(msgspec.msgpack.encode)


@pytest.mark.parametrize("read", [nats.decode_record, kafka.decode_record, objects.decode_record])
@settings(max_examples=100)
@given(data=rubbish | log_like)
def test_log_records_refuse_rubbish(read: Callable[[bytes], object], data: bytes) -> None:
    with suppress(DamagedDataError):
        read(data)


@settings(max_examples=100)
@given(data=rubbish | log_like)
def test_a_directory_s_records_refuse_rubbish(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(DamagedDataError):
        Path(folder, "0000000000000001").write_bytes(data)
        Log(Path(folder)).tail()


def test_a_damaged_record_in_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "0000000000000001").write_bytes(b"rubbish")
    with pytest.raises(DamagedDataError, match="record 1"):
        Log(tmp_path).tail()


@settings(max_examples=60)
@given(plain=st.binary(max_size=200_000), at=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_changed_byte_is_always_noticed(plain: bytes, at: int, flip: int) -> None:
    chunk = KEYS.chunk_id(plain)
    payload = bytearray(SEALER.seal(chunk, plain))
    assert open_chunk(SEALER, KEYS, chunk, bytes(payload)) == plain
    payload[at % len(payload)] ^= flip
    with pytest.raises(DamagedDataError):
        open_chunk(SEALER, KEYS, chunk, bytes(payload))
    with pytest.raises(DamagedDataError):
        open_chunk(SEALER, KEYS, ChunkId("00" * 32), bytes(payload))


def test_a_compression_bomb_is_refused() -> None:
    """Sealed with the right key: a frame that claims, and one that has, far more than a chunk may."""
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(200_000_000))
    for body in (bomb, bomb[:20]):
        sealed = bytearray(len(body) + TAG_BYTES)
        SEALER._cipher.encrypt(bytes(12), body, b"\2x", memoryview(sealed))
        with pytest.raises(DamagedDataError):
            SEALER.open("x", b"\2" + bytes(12) + sealed, limit=MAX_PLAIN_BYTES)
