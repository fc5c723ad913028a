"""A stream that somebody else runs, named by `--stream URL`, in place of the embedded server."""

from __future__ import annotations

from dataclasses import dataclass, field

from kyc.domain.snapshot import StreamAccess
from kyc.ports.stream import Stream
from kyc.streams import connect


@dataclass(frozen=True, slots=True)
class NamedStream:
    """A StreamHost on a URL. Agents get the URL and token as they are: what keeps workloads apart is the stream's."""

    url: str
    token: str = field(default="", repr=False)

    async def ensure(self) -> bool:
        """Nothing to start: it is there, or its own errors say that it is not."""
        return False

    async def stream(self) -> Stream:
        """Return a connection."""
        return connect(StreamAccess(url=self.url, workload="", token=self.token))

    async def access(self, workload: str) -> StreamAccess:
        """Grant a workload's part."""
        return StreamAccess(url=self.url, workload=workload, token=self.token)

    async def stop(self) -> None:
        """Leave it running: it is not ours."""
