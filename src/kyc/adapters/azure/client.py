"""Azure's own client libraries, made when they are needed (an extra, and heavy), and what their errors mean.

Where the sign-in and the Resource Manager are is read from the metadata host, as Terraform's provider does it; the
public cloud's are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kyc.adapters.azure.settings import AzureSettings
from kyc.domain.errors import (
    CapacityUnavailableError,
    CredentialError,
    InvalidInputError,
    NotFoundError,
    QuotaError,
    UnreachableError,
)

_CREDENTIALS = "Check them with `kyc cloud check azure`, or give new ones with `kyc cloud add azure`."
_TIMEOUT_S = 30
_METADATA_VERSION = "2022-09-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a cloud's services are: the sign-in's host, the Resource Manager's URL, and the scope of tokens for it."""

    login: str
    manager: str
    scope: str


_PUBLIC = Addresses(
    login="https://login.microsoftonline.com",
    manager="https://management.azure.com",
    scope="https://management.azure.com/.default",
)


class AzureClient:
    """One subscription's clients. Blocking: called in threads. Raises what `understood` makes of their errors."""

    def __init__(self, settings: AzureSettings, *, poll_s: float = 2.0) -> None:
        self.settings = settings
        self._poll_s = poll_s  # how often a long operation is asked for, where Azure names no time

    @cached_property
    def compute(self) -> Any:  # noqa: ANN401  # the library is not typed where it is not installed
        """The client of machines and disks."""
        _installed()
        from azure.mgmt.compute import ComputeManagementClient  # noqa: PLC0415

        return ComputeManagementClient(self._credential, self.settings.subscription_id, **self._options)

    @cached_property
    def network(self) -> Any:  # noqa: ANN401
        """The client of interfaces and addresses."""
        _installed()
        from azure.mgmt.network import NetworkManagementClient  # noqa: PLC0415

        return NetworkManagementClient(self._credential, self.settings.subscription_id, **self._options)

    def get(self, path: str, *, version: str) -> Any:  # noqa: ANN401  # JSON
        """Return what the Resource Manager has at the path under the subscription; None where an emulator has nothing.

        For the few things that no client above has.
        """
        from azure.core.exceptions import HttpResponseError  # noqa: PLC0415
        from azure.core.rest import HttpRequest  # noqa: PLC0415

        url = f"{self._addresses.manager}/subscriptions/{self.settings.subscription_id}{path}"
        with understood():
            answer = self._pipeline.send_request(HttpRequest("GET", url, params={"api-version": version}))
            if self.settings.is_emulated and answer.status_code in {404, 405, 501}:
                return None
            if answer.status_code >= 400:
                raise HttpResponseError(response=answer)
            return answer.json()

    @cached_property
    def _addresses(self) -> Addresses:
        if not self.settings.is_emulated:
            return _PUBLIC
        import requests  # noqa: PLC0415

        url = f"https://{self.settings.metadata_host}/metadata/endpoints"
        try:
            answer = requests.get(
                url, params={"api-version": _METADATA_VERSION}, timeout=_TIMEOUT_S, verify=self.settings.ca_file or True
            )
            answer.raise_for_status()
            told = answer.json()
            return Addresses(
                login=told["authentication"]["loginEndpoint"].rstrip("/"),
                manager=told["resourceManager"].rstrip("/"),
                scope=f"{told['authentication']['audiences'][0].rstrip('/')}/.default",
            )
        except (requests.RequestException, ValueError, KeyError, IndexError, TypeError) as error:
            raise UnreachableError(
                f"{url} does not name the cloud's addresses: {error}",
                next_step="Look at metadata_host, and at ca_file for its certificate.",
            ) from error

    @cached_property
    def _credential(self) -> Any:  # noqa: ANN401
        from azure.identity import ClientSecretCredential  # noqa: PLC0415

        settings = self.settings
        return ClientSecretCredential(
            settings.tenant_id,
            settings.client_id,
            settings.client_secret,
            authority=self._addresses.login,
            disable_instance_discovery=settings.is_emulated,
            **self._transport,
        )

    @cached_property
    def _pipeline(self) -> Any:  # noqa: ANN401
        _installed()
        from azure.core.pipeline.policies import RetryPolicy  # noqa: PLC0415
        from azure.mgmt.core import ARMPipelineClient  # noqa: PLC0415
        from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy  # noqa: PLC0415

        token = ARMChallengeAuthenticationPolicy(self._credential, self._addresses.scope)
        return ARMPipelineClient(
            base_url=self._addresses.manager, policies=[RetryPolicy(retry_total=0), token], **self._transport
        )

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "base_url": self._addresses.manager,
            "credential_scopes": [self._addresses.scope],
            "polling_interval": self._poll_s,
            "retry_total": 0,  # the caller's next turn is the retry
            **self._transport,
        }

    @property
    def _transport(self) -> dict[str, Any]:
        limits = {"connection_timeout": _TIMEOUT_S, "read_timeout": _TIMEOUT_S}
        return limits | ({"connection_verify": self.settings.ca_file} if self.settings.ca_file else {})


@contextmanager
def understood() -> Iterator[None]:
    """Translate the libraries' errors into ours."""
    _installed()
    from azure.core import exceptions as azure  # noqa: PLC0415

    try:
        yield
    except azure.ClientAuthenticationError as error:
        raise CredentialError(
            f"Azure does not accept the credentials: {_said(error)}", next_step=_CREDENTIALS
        ) from error
    except azure.ResourceNotFoundError as error:
        raise NotFoundError(f"Azure has no such thing: {_said(error)}") from error
    except azure.HttpResponseError as error:
        raise _refused(error) from error
    except azure.AzureError as error:
        raise UnreachableError(f"Azure does not answer: {error}", next_step="It is tried again.") from error


def _refused(error: Any) -> Exception:  # noqa: ANN401
    code = getattr(getattr(error, "error", None), "code", "") or ""
    said = f"Azure refuses: {_said(error)}"
    if error.status_code == 403 or code in {"AuthorizationFailed", "LinkedAuthorizationFailed"}:
        return CredentialError(said, next_step=_CREDENTIALS)
    if "quota" in said.lower() and code in {"OperationNotAllowed", "QuotaExceeded"}:
        return QuotaError(said, next_step="Ask Azure for a higher quota, or use another location.")
    if code in {"SkuNotAvailable", "AllocationFailed", "ZonalAllocationFailed", "OverconstrainedAllocationRequest"}:
        return CapacityUnavailableError(said, next_step="Choose another location, zone or size.")
    if error.status_code is not None and 400 <= error.status_code < 500 and error.status_code not in {408, 409, 429}:
        return InvalidInputError(said)
    return UnreachableError(said, next_step="It is tried again.")


def _said(error: Any) -> str:  # noqa: ANN401
    return " ".join(str(error.message).split())


def _installed() -> None:
    try:
        import azure.identity  # noqa: PLC0415
        import azure.mgmt.compute  # noqa: PLC0415
        import azure.mgmt.network  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            "Azure's client libraries are not installed", next_step="pip install 'keep-your-cost[azure]'"
        ) from error
    del azure
