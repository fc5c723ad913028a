"""Google's own client libraries, made when they are needed (an extra, and heavy), and what their errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from kyc.adapters.gcp.settings import GcpSettings
from kyc.domain.errors import CredentialError, InvalidInputError, NotFoundError, QuotaError, UnreachableError

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_TIMEOUT_S = 30.0
_CREDENTIALS = "Check them with `kyc cloud check gcp`, or give new ones with `kyc cloud add gcp`."


class GcpClient:
    """One account's clients. Blocking: called in threads. Raises what `understood` makes of the libraries' errors."""

    def __init__(self, settings: GcpSettings) -> None:
        self.settings = settings

    @cached_property
    def instances(self) -> Any:  # noqa: ANN401  # the library is not typed where it is not installed
        """The client of instances."""
        return self._compute("InstancesClient")

    @cached_property
    def operations(self) -> Any:  # noqa: ANN401
        """The client of operations in zones."""
        return self._compute("ZoneOperationsClient")

    @cached_property
    def zones(self) -> Any:  # noqa: ANN401
        """The client of zones."""
        return self._compute("ZonesClient")

    @cached_property
    def machine_types(self) -> Any:  # noqa: ANN401
        """The client of machine types."""
        return self._compute("MachineTypesClient")

    @property
    def limits(self) -> dict[str, Any]:
        """How long a call may take, and that it is not repeated: the caller's next turn does that."""
        return {"timeout": _TIMEOUT_S, "retry": None}

    def granted(self, permissions: list[str]) -> list[str] | None:
        """Return those of the permissions that the credentials have on the project.

        None where an emulator has no such call.
        """
        url = f"{self.settings.resource_manager}/v1/projects/{self.settings.project}:testIamPermissions"
        with understood():
            answer = self._session.post(url, json={"permissions": permissions}, timeout=_TIMEOUT_S)
            if self.settings.is_emulated and answer.status_code in {404, 405, 501}:
                return None
            _raise_for(answer)
            return list(answer.json().get("permissions", []))

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401
        from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415

        return AuthorizedSession(self._credentials)

    @cached_property
    def _credentials(self) -> Any:  # noqa: ANN401
        _installed()
        from google.oauth2 import credentials, service_account  # noqa: PLC0415

        settings = self.settings
        try:
            if settings.access_token:
                return credentials.Credentials(token=settings.access_token)
            if settings.key["type"] == "authorized_user":
                return credentials.Credentials.from_authorized_user_info(settings.key)
            return service_account.Credentials.from_service_account_info(settings.key, scopes=[_SCOPE])
        except (ValueError, KeyError) as error:
            raise InvalidInputError(f"credentials: the key file is damaged: {error}") from error

    def _compute(self, name: str) -> Any:  # noqa: ANN401
        _installed()
        from google.cloud import compute_v1  # noqa: PLC0415

        return getattr(compute_v1, name)(
            credentials=self._credentials, client_options={"api_endpoint": self.settings.compute}
        )


@contextmanager
def understood() -> Iterator[None]:
    """Translate the libraries' errors into ours."""
    _installed()
    import requests  # noqa: PLC0415
    from google.api_core import exceptions as api  # noqa: PLC0415
    from google.auth import exceptions as auth  # noqa: PLC0415

    try:
        yield
    except (api.Unauthorized, api.Forbidden) as error:
        if "QUOTA" in str(error).upper() or "rateLimit" in str(error):
            raise QuotaError(f"Google Cloud refuses: {error.message}", next_step="Ask for a higher quota.") from error
        raise CredentialError(f"Google Cloud refuses: {error.message}", next_step=_CREDENTIALS) from error
    except auth.TransportError as error:
        raise _silent(error) from error
    except auth.GoogleAuthError as error:
        raise CredentialError(
            f"Google Cloud does not accept the credentials: {error}", next_step=_CREDENTIALS
        ) from error
    except api.NotFound as error:
        raise NotFoundError(f"Google Cloud has no such thing: {error.message}") from error
    except api.BadRequest as error:
        raise InvalidInputError(f"Google Cloud refuses: {error.message}") from error
    except (api.GoogleAPICallError, api.RetryError, requests.RequestException) as error:
        raise _silent(error) from error


def _raise_for(answer: Any) -> None:  # noqa: ANN401
    from google.api_core import exceptions as api  # noqa: PLC0415

    if answer.status_code != 200:
        raise api.from_http_response(answer)


def _silent(error: Exception) -> UnreachableError:
    return UnreachableError(f"Google Cloud does not answer as it should: {error}", next_step="It is tried again.")


def _installed() -> None:
    try:
        import google.cloud.compute_v1  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            "google-cloud-compute is not installed", next_step="pip install 'keep-your-cost[gcp]'"
        ) from error
    del google
