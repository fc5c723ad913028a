"""An emulator of Google Cloud Storage's XML API, as far as objects go: conditional writes, listings by page, sign-in.

From its reference (cloud.google.com/storage/docs/xml-api): `x-goog-if-generation-match: 0` writes only where nothing
is, 412 otherwise; listings are in order and consistent; a request is signed in by a token that the service account's
own key has signed. What asks for anything else is told 501.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulators.http import Request, Response, serving
from tests.emulators.jwt import is_signed

_PAGE = 50  # Google's is 1000: few enough that a test's listing has several
_ISSUER = "kyc@tests.iam.gserviceaccount.com"


@dataclass(slots=True)
class _Object:
    data: bytes
    generation: int
    at: datetime

    @property
    def headers(self) -> dict[str, str]:
        digest = hashlib.sha256(self.data).hexdigest()
        return {
            "ETag": f'"{digest[:32]}"',
            "Last-Modified": format_datetime(self.at, usegmt=True),
            "x-goog-generation": str(self.generation),
        }


@dataclass(slots=True)
class StorageEmulator:
    """One bucket."""

    bucket: str = "kyc"
    objects: dict[str, _Object] = field(default_factory=dict)
    endpoint: str = ""
    _key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    _generations: count[int] = field(default_factory=lambda: count(1))

    @property
    def token(self) -> str:
        """The JSON of the service account's key."""
        return service_account(self._key)

    def url(self, prefix: str) -> str:
        return f"gs://{self.bucket}/{prefix}?endpoint={self.endpoint}"

    def handle(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not is_signed(token, self._key.public_key()):
            return _refusal(401, "AuthenticationRequired")
        bucket, _, name = request.path.removeprefix("/").partition("/")
        if bucket != self.bucket:
            return _refusal(404, "NoSuchBucket")
        verb = {"PUT": self._put, "GET": self._get, "HEAD": self._get, "DELETE": self._delete}.get(request.method)
        if not name:
            return self._list(request) if request.method == "GET" else _refusal(501, "NotImplemented")
        if verb is None or request.query or "range" in request.headers:
            return _refusal(501, "NotImplemented")
        return verb(request, name)

    def _put(self, request: Request, name: str) -> Response:
        found = self.objects.get(name)
        wanted = request.headers.get("x-goog-if-generation-match")
        if wanted is not None and int(wanted) != (found.generation if found else 0):
            return _refusal(412, "PreconditionFailed")
        made = self.objects[name] = _Object(request.body, next(self._generations), datetime.now(UTC))
        return Response(headers=made.headers)

    def _get(self, _request: Request, name: str) -> Response:
        found = self.objects.get(name)
        return Response(body=found.data, headers=found.headers) if found else _refusal(404, "NoSuchKey")

    def _delete(self, _request: Request, name: str) -> Response:
        return Response(status=204) if self.objects.pop(name, None) else _refusal(404, "NoSuchKey")

    def _list(self, request: Request) -> Response:
        known = {"list-type", "prefix", "max-keys", "continuation-token", "start-after"}
        if request.query.get("list-type") != "2" or not known >= set(request.query):
            return _refusal(501, "NotImplemented")
        after = max(request.query.get("continuation-token", ""), request.query.get("start-after", ""))
        prefix = request.query.get("prefix", "")
        names = sorted(name for name in self.objects if name.startswith(prefix) and name > after)
        page = names[: min(_PAGE, int(request.query.get("max-keys", _PAGE)))]
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(page) < len(names) else ""
        rows = "".join(self._row(name) for name in page)
        truncated = str(bool(more)).lower()
        return Response(
            body=f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{more}{rows}</ListBucketResult>",
            headers={"Content-Type": "application/xml"},
        )

    def _row(self, name: str) -> str:
        found = self.objects[name]
        at, etag = found.at.isoformat().replace("+00:00", "Z"), escape(found.headers["ETag"])
        return (
            f"<Contents><Key>{escape(name)}</Key><LastModified>{at}</LastModified><ETag>{etag}</ETag>"
            f"<Size>{len(found.data)}</Size></Contents>"
        )


@asynccontextmanager
async def storage() -> AsyncIterator[StorageEmulator]:
    """Serve an empty bucket."""
    emulator = await asyncio.to_thread(StorageEmulator)  # making its key takes a while
    async with serving(emulator.handle) as endpoint:
        emulator.endpoint = endpoint
        yield emulator


def service_account(key: rsa.RSAPrivateKey) -> str:
    """Return a service account's key as Google gives it to people."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    named = {"type": "service_account", "client_email": _ISSUER, "private_key_id": "1", "private_key": pem}
    return json.dumps(named | {"token_uri": "https://oauth2.googleapis.com/token"})


def _refusal(status: int, code: str) -> Response:
    return Response(status=status, body=f"<Error><Code>{code}</Code><Message>{code}</Message></Error>")
