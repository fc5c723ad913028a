"""boto3 for one account: its clients, its calls in threads, its errors as ours.

Nothing of this machine's own AWS set-up (profiles, environment) gets in: the account alone says who calls.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kyc.domain.errors import (
    CapacityUnavailableError,
    CredentialError,
    InvalidInputError,
    KycError,
    NotFoundError,
    QuotaError,
    UnreachableError,
)
from kyc.ports.account import Account

T = TypeVar("T")
_CHECK = "Check the account with `kyc cloud check aws`; give new credentials with `kyc cloud add aws`."
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_MEANINGS: Mapping[str, tuple[type[KycError], str]] = {
    **dict.fromkeys(
        (
            "AuthFailure",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "UnauthorizedOperation",
            "AccessDenied",
            "AccessDeniedException",
            "OptInRequired",
            "Blocked",
        ),
        (CredentialError, _CHECK),
    ),
    **dict.fromkeys(
        (
            "RequestLimitExceeded",
            "Throttling",
            "ThrottlingException",
            "InternalError",
            "Unavailable",
            "ServiceUnavailable",
        ),
        (UnreachableError, "It is tried again by itself."),
    ),
    "InsufficientInstanceCapacity": (CapacityUnavailableError, "Choose another zone or instance type."),
    "VcpuLimitExceeded": (QuotaError, "Ask AWS for a higher quota."),
    "InvalidInstanceID.NotFound": (NotFoundError, "`kyc instances` lists what runs."),
    "InvalidInstanceID.Malformed": (NotFoundError, "`kyc instances` lists what runs."),
}


@dataclass(slots=True)
class AwsSession:
    """The clients of one account. boto3's are safe to share between threads; making one is not, so one thread does."""

    account: Account
    _boto: Any = None
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def region(self) -> str:
        """The account's home region."""
        return self.account.settings["region"]

    @property
    def endpoint(self) -> str | None:
        """Where AWS's API is instead of its usual places."""
        return self.account.settings.get("endpoint")

    async def call(self, service: str, region: str, do: Callable[[Any], T]) -> T:
        """Return what `do` returns, run in a thread with the service's client; raise what AWS's errors mean."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # an extra, and slow to import

        try:
            client = await self._client(service, region)
            return await asyncio.to_thread(do, client)
        except (ClientError, BotoCoreError) as error:
            raise translated(error) from error

    async def _client(self, service: str, region: str) -> Any:  # noqa: ANN401  # boto3 has no types
        async with self._making:
            if (service, region) not in self._clients:
                self._clients[service, region] = await asyncio.to_thread(self._make, service, region)
            return self._clients[service, region]

    def _make(self, service: str, region: str) -> Any:  # noqa: ANN401
        from botocore.config import Config  # noqa: PLC0415

        config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 3},
            ignore_configured_endpoint_urls=True,
        )
        if self._boto is None:  # one for all clients: EC2's description alone takes 24 MB, once a session
            self._boto = _boto_session(self.account.secrets)
        return self._boto.client(service, region_name=region, endpoint_url=self.endpoint, config=config)


def _boto_session(secrets: Mapping[str, str]) -> Any:  # noqa: ANN401  # boto3 has no types
    """Return a session that knows these credentials and nothing of the machine's own profiles."""
    try:
        import boto3  # noqa: PLC0415
        from botocore.session import Session  # noqa: PLC0415
    except ImportError as error:
        raise InvalidInputError(
            "AWS needs the package boto3",
            next_step="pip install 'keep-your-cost[aws]', then start the master again.",
        ) from error
    nowhere: dict[str, tuple[object, ...]] = {"profile": (None, None, None, None)}
    nowhere |= dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return boto3.Session(
        aws_access_key_id=secrets["access_key_id"],
        aws_secret_access_key=secrets["secret_access_key"],
        aws_session_token=secrets.get("session_token"),
        botocore_session=Session(session_vars=nowhere),
    )


def code_of(error: Exception) -> str:
    """Return AWS's own code of a ClientError; empty for any other."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def translated(error: Exception) -> KycError:
    """Return what an error of botocore means."""
    code = code_of(error)
    if not code:
        return UnreachableError(f"AWS does not answer: {error}", next_step="Check the network and the endpoint.")
    kind, next_step = _MEANINGS.get(code, (KycError, "AWS's documentation explains the code."))
    return kind(f"AWS says {code}: {error}", next_step=next_step)
