"""The stream on NATS JetStream: `NatsStream(address)` for one credential, the master's or one workload's."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from kyc.adapters.nats.address import Address
from kyc.adapters.nats.layout import Place, decode_record
from kyc.adapters.nats.link import DELETE_FAILED, STREAM_EXISTS, STREAM_MISSING, Link, refusal, together
from kyc.adapters.nats.nkey import Key
from kyc.adapters.nats.reader import NatsReader
from kyc.adapters.nats.user import MASTER, SEED_BEGINS, inbox_of, master_token
from kyc.adapters.nats.writer import NatsWriter, tail
from kyc.domain.errors import InvalidInputError, NotFoundError
from kyc.domain.snapshot import ChunkRef, StreamAccess

_DELETES_AT_ONCE = 64


class NatsStream:
    """A Stream on JetStream. It connects at the first call, and again after the server was lost; `close` hangs up."""

    def __init__(self, address: Address, *, timeout_s: float = 10) -> None:
        self._link = Link(address, timeout_s=timeout_s)

    async def create(self, workload: str) -> None:
        """Make both of the workload's streams."""
        for settings in Place(workload).stream_settings():
            error = await self._link.try_call(f"STREAM.CREATE.{settings['name']}", settings)
            if error is not None and error.err_code != STREAM_EXISTS:
                raise refusal(error)

    async def delete(self, workload: str) -> None:
        """Remove both, the log first: what is half deleted is not there."""
        place = Place(workload)
        for name in (place.log_stream, place.chunk_stream):
            error = await self._link.try_call(f"STREAM.DELETE.{name}", {})
            if error is not None and error.err_code != STREAM_MISSING:
                raise refusal(error)

    async def open_writer(self, workload: str, epoch: int) -> NatsWriter:
        """Open the epoch."""
        writer = NatsWriter(self._link, Place(workload), epoch)
        await writer.open()
        return writer

    async def open_reader(self, workload: str) -> NatsReader:
        """Open the workload's log for reading."""
        place = Place(workload)
        await tail(self._link, place)
        return NatsReader(self._link, place)

    async def discard(self, workload: str, *, manifests: Sequence[int], chunks: Sequence[ChunkRef]) -> None:
        """Delete these manifests with their parts, then these copies of chunks, each by its own number."""
        place = Place(workload)
        await tail(self._link, place)
        for sequence in manifests:
            await self._discard_manifest(place, sequence)
        deletions = (self._delete(place.chunk_stream, int(ref.location)) for ref in chunks)
        await together(deletions, at_once=_DELETES_AT_ONCE)

    def renew(self, access: StreamAccess) -> None:
        """Sign in with another credential from now on."""
        self._link.renew(address_of(access))

    async def close(self) -> None:
        """Hang up."""
        await self._link.close()

    async def _discard_manifest(self, place: Place, sequence: int) -> None:
        try:
            _, data = await self._link.message(place.log_stream, {"seq": sequence})
        except NotFoundError:
            return
        record = decode_record(data)
        if not record.is_manifest:
            raise InvalidInputError(f"{place.workload} has no snapshot {sequence}")
        await self._delete(place.log_stream, sequence)
        for subject in record.parts:
            error = await self._link.try_call(f"STREAM.PURGE.{place.chunk_stream}", {"filter": subject})
            if error is not None:
                raise refusal(error)

    async def _delete(self, stream: str, sequence: int) -> None:
        error = await self._link.try_call(f"STREAM.MSG.DELETE.{stream}", {"seq": sequence, "no_erase": True})
        gone = error is not None and error.err_code == DELETE_FAILED and "no message found" in error.description
        if error is not None and not gone:
            raise refusal(error)


def address_of(access: StreamAccess) -> Address:
    """Return where `access` points: a nats:// or tls:// URL, with the credential in its token or in the URL itself.

    The token is a user's `seed:JWT`, or an account's seed, which is good for everything in the account.
    """
    parts = urlsplit(access.url)
    if parts.scheme not in {"nats", "tls"} or not parts.hostname:
        raise InvalidInputError(f"{parts.scheme}://{parts.hostname} is not the URL of a NATS server")
    token, workload = access.token, access.workload
    if token.startswith(SEED_BEGINS):  # the key to the whole account: for a master
        token, workload = master_token(Key.from_seed(token), issued=0), MASTER
    seed, _, jwt = token.partition(":")
    return Address(
        host=parts.hostname,
        port=parts.port or 4222,
        tls=parts.scheme == "tls",
        jwt=jwt,
        seed=seed,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        inbox=inbox_of(workload or MASTER) if jwt else "_INBOX",
    )
