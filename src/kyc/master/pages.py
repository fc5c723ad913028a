"""The dashboard at `/`: the files that the front end's build left in this package, and nothing else.

A file whose name holds a hash of its content (`assets/`) is kept by browsers for ever; the page itself is asked for
anew each time, and answered by 304 while it is the same. Any path that is no file is the page: its router reads it.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response, status

FOLDER = Path(__file__).parent / "dashboard"
_PAGE = "index.html"
_HASHED = "assets"
_FOREVER = "public, max-age=31536000, immutable"
_ASK = "no-cache"
_MEDIA_TYPES = {  # not the machine's own table: with `nosniff` a wrong one is a page that does not work
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}
_PACKED_ALREADY = {".png", ".jpg", ".webp", ".woff2"}
_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Keep Your Cost</title>
<body><h1>The dashboard is not built</h1>
<p>This master runs from a source tree whose dashboard was not built. <code>make dashboard</code> builds it; reload this
page afterwards. All it shows can be had from the command line too: <code>kyc --help</code>.</p></body></html>
"""

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file as it is sent. `packed` is None where packing would not make it smaller."""

    content: bytes
    packed: bytes | None
    media_type: str
    etag: str


@router.api_route("/{path:path}", methods=["GET", "HEAD"])
async def serve_dashboard(path: str, request: Request) -> Response:
    """Send a file of the dashboard, or its page; 404 for what is no page's address."""
    if path.split("/", 1)[0] in {"api", _HASHED} and not (FOLDER / path).is_file():
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    found = _find(path)
    if found is None:
        return Response(_NOT_BUILT, status.HTTP_503_SERVICE_UNAVAILABLE, media_type="text/html")
    file, caching = _read(found, found.stat().st_mtime_ns), _FOREVER if found.parent.name == _HASHED else _ASK
    headers = {"Cache-Control": caching, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if file.etag in request.headers.get("If-None-Match", ""):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    if file.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        return Response(file.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)


def _find(path: str) -> Path | None:
    """Return the file for the path: the page for what is none, None if there is not even that."""
    root = FOLDER.resolve()
    named = (root / path).resolve()
    if path and named.is_relative_to(root) and named.is_file():
        return named
    page = root / _PAGE
    return page if page.is_file() else None


@lru_cache(maxsize=512)
def _read(path: Path, changed_ns: int) -> _File:  # a changed file is another one
    content = path.read_bytes()
    media_type = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
    packed = None if path.suffix in _PACKED_ALREADY else gzip.compress(content, 6, mtime=0)
    return _File(
        content=content,
        packed=packed if packed is not None and len(packed) < len(content) else None,
        media_type=media_type,
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
    )
