"""Azure's sign-in: the host that names a cloud's addresses, and tokens for a client's secret.

A wrong secret is refused as AADSTS7000215, a scope that is none as AADSTS70011.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.emulators.http import Request, Response

TENANT = "11111111-1111-1111-1111-111111111111"
CLIENT, SECRET = "33333333-3333-3333-3333-333333333333", "the-clients-secret"
_DISCOVERY, _TOKEN, _ENDPOINTS = "/.well-known/openid-configuration", "/oauth2/v2.0/token", "/metadata/endpoints"


@dataclass
class SignIn:
    """Gives tokens, and knows them again."""

    secret: str = SECRET
    _tokens: set[str] = field(default_factory=lambda: {"good"})

    def forget_tokens(self) -> None:
        self._tokens.clear()

    def knows(self, authorization: str) -> bool:
        return authorization.removeprefix("Bearer ") in self._tokens

    def takes(self, path: str) -> bool:
        """Say whether a request for this path is for here."""
        return path == _ENDPOINTS or path.endswith((_DISCOVERY, _TOKEN))

    def __call__(self, request: Request, url: str) -> Response:
        if request.path == _ENDPOINTS:
            return _endpoints(url)
        if request.path.endswith(_DISCOVERY):
            return _discovery(url, request.path.split("/")[1])
        return self._token(request)

    def _token(self, request: Request) -> Response:
        given = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if given.get("client_id") != CLIENT or given.get("client_secret") != self.secret:
            said = "AADSTS7000215: Invalid client secret provided."
            return Response(401, {"error": "invalid_client", "error_description": said, "error_codes": [7000215]})
        if not given.get("scope", "").endswith("/.default"):
            return Response(
                400, {"error": "invalid_scope", "error_description": "AADSTS70011: the scope is not valid."}
            )
        token = secrets.token_hex(8)
        self._tokens.add(token)
        return Response(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token})


def _endpoints(url: str) -> Response:
    authentication = {"loginEndpoint": f"{url}/", "audiences": [f"{url}/arm/", url], "tenant": "common"}
    return Response(200, {"name": "Emulated", "resourceManager": url, "authentication": authentication})


def _discovery(url: str, tenant: str) -> Response:
    base = f"{url}/{tenant}/oauth2/v2.0"
    told = {
        "token_endpoint": f"{base}/token",
        "authorization_endpoint": f"{base}/authorize",
        "device_authorization_endpoint": f"{base}/devicecode",
        "issuer": f"{url}/{tenant}/v2.0",
    }
    return Response(200, told)
