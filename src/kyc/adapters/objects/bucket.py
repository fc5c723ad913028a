"""A bucket's verbs, with its errors translated."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import timedelta

import obstore
from obstore import exceptions
from obstore.store import from_url

from kyc.adapters.objects.address import Address
from kyc.domain.errors import CredentialError, InvalidInputError, NotFoundError, UnreachableError

_PAGE = 1000
_ROLES_COME_FROM = (
    "://169.254.169.254",
    "://metadata.google.internal",
    "://metadata/",
)  # the last resort for credentials
_SILENT = re.compile(r"performing [A-Z]+ (?P<url>\S+) in .*error sending request", re.DOTALL)


class Bucket:
    """Objects by name. All raise CredentialError, and UnreachableError, after which a write may have happened."""

    def __init__(self, address: Address) -> None:
        self.renew(address)

    def renew(self, address: Address) -> None:
        """Sign in with these credentials from now on; what is under way goes on with the older ones."""
        timeout = timedelta(seconds=address.timeout_s)
        try:
            self._store = from_url(  # type: ignore[call-overload]  # the settings are of the kind the URL has
                address.url,
                config=dict(address.settings),
                client_options={
                    "allow_http": address.allows_http,
                    "timeout": timeout,
                    "connect_timeout": min(timeout, timedelta(seconds=5)),
                },
                retry_config={"max_retries": 10, "retry_timeout": timeout},
            )
        except exceptions.BaseError as error:
            raise InvalidInputError(f"{address.url} cannot be used: {_first_line(error)}") from error

    async def put(self, name: str, data: bytes) -> None:
        """Store an object, in place of another."""
        with _translated(f"storing {name}"):
            await obstore.put_async(self._store, name, data, use_multipart=False)

    async def create(self, name: str, data: bytes) -> bool:
        """Store an object if there is none of this name; False if there is, which may be this very one."""
        try:
            with _translated(f"storing {name}"):
                await obstore.put_async(self._store, name, data, mode="create", use_multipart=False)
        except exceptions.AlreadyExistsError:
            return False
        return True

    async def get(self, name: str) -> bytes:
        """Return an object; NotFoundError if there is none."""
        with _translated(f"reading {name}"):
            found = await obstore.get_async(self._store, name)
            return bytes(await found.bytes_async())

    async def has(self, name: str) -> bool:
        """Say whether there is an object of this name."""
        try:
            with _translated(f"looking for {name}"):
                await obstore.head_async(self._store, name)
        except NotFoundError:
            return False
        return True

    async def names(self, prefix: str) -> AsyncGenerator[str, None]:
        """Yield the names that begin with `prefix`, a folder's, in order."""
        async with aclosing(self.sizes(prefix)) as found:
            async for name, _ in found:
                yield name

    async def sizes(self, prefix: str) -> AsyncGenerator[tuple[str, int], None]:
        """Do as `names`, each with its object's size."""
        with _translated(f"listing {prefix}"):
            async for page in obstore.list(self._store, prefix, chunk_size=_PAGE):
                for found in page:
                    yield found["path"], found["size"]

    async def first(self, prefix: str) -> str | None:
        """Return the first of the names that begin with `prefix`, a folder's; None without one."""
        async with aclosing(self.names(prefix)) as names:
            async for name in names:
                return name
        return None

    async def delete(self, names: Sequence[str]) -> None:
        """Remove these objects; what is not there is no error."""
        for name in names:
            try:
                with _translated(f"removing {name}"):
                    await obstore.delete_async(self._store, name)
            except NotFoundError:
                continue


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except exceptions.AlreadyExistsError:
        raise
    except (FileNotFoundError, exceptions.NotFoundError) as error:
        raise NotFoundError(
            f"{doing}: it is not there", next_step="Check the name of the bucket: kyc makes objects in it, not buckets."
        ) from error
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise CredentialError(
            f"{doing}: the object store refuses ({_first_line(error)})",
            next_step="Check the key and its rights: it must read, write, list and delete under the prefix.",
        ) from error
    except exceptions.BaseError as error:
        if any(host in str(error) for host in _ROLES_COME_FROM):
            raise CredentialError(
                f"{doing}: there are no credentials for the object store, and this machine has no role",
                next_step="Give them as KYC_STREAM_TOKEN, or as the provider's own tools read them (docs/streams.md).",
            ) from error
        silent = _SILENT.search(str(error))
        what = f"nobody answers at {silent['url']}" if silent else _first_line(error)
        raise UnreachableError(f"{doing}: {what}", next_step="If it goes on, look at the object store.") from error


def _first_line(error: exceptions.BaseError) -> str:
    return str(error).partition("\n")[0].partition(": <?xml")[0][:300]
