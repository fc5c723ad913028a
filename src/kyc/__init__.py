"""Keep Your Cost: work on the cheapest interruptible machines of any cloud, without losing a file.

The public names are loaded when first used, so that the command line and the agent import only what
they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kyc.version import VERSION

if TYPE_CHECKING:
    from kyc.sdk.aio import AsyncClient
    from kyc.sdk.client import Client

__all__ = ["AsyncClient", "Client", "__version__"]
__version__ = VERSION


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    if name == "Client":
        from kyc.sdk.client import Client  # noqa: PLC0415

        return Client
    if name == "AsyncClient":
        from kyc.sdk.aio import AsyncClient  # noqa: PLC0415

        return AsyncClient
    raise AttributeError(f"module 'kyc' has no attribute {name!r}")
