"""Where a bucket is and how to sign in: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix`.

Options of the query: `timeout` in seconds (30), `endpoint` (of another service that speaks the same protocol) and, for
S3, `region`, `virtual_hosted_style_request`. Credentials come from the token, else from the environment, as the
provider's own tools read it (AWS_ACCESS_KEY_ID …, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY …) or the
instance's role:

    s3   KEY:SECRET or KEY:SECRET:SESSION
    gs   the JSON of a service account's key
    az   a shared access signature (sv=…&sig=…), or the account's key
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from kyc.domain.errors import InvalidInputError
from kyc.domain.snapshot import StreamAccess

SCHEMES = ("s3", "gs", "az")
_OPTIONS = {  # of the query, and what obstore calls them
    "s3": {name: name for name in ("endpoint", "region", "virtual_hosted_style_request")},
    "gs": {"endpoint": "base_url"},
    "az": {"endpoint": "endpoint"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A place in a bucket, and obstore's settings to reach it. `url` is obstore's too: without an Azure account."""

    url: str
    timeout_s: float = 30
    allows_http: bool = False  # the person named an endpoint without TLS
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)  # holds the secret


def address_of(access: StreamAccess) -> Address:
    """Parse the URL and the token; raise InvalidInputError, which never shows a secret."""
    parts = urlsplit(access.url)
    if parts.scheme not in SCHEMES or not parts.netloc or "@" in parts.netloc:
        raise InvalidInputError(
            f"{parts.scheme}:// does not name a bucket",
            next_step="Use s3://bucket/prefix, gs://… or az://account/container.",
        )
    options = dict(parse_qsl(parts.query))
    try:
        timeout_s = float(options.pop("timeout", "30"))
    except ValueError:
        raise InvalidInputError("timeout is not a number of seconds", next_step="Write it as timeout=30.") from None
    known = _OPTIONS[parts.scheme]
    for name in options:
        if name not in known:
            raise InvalidInputError(
                f"{name} is not an option of a {parts.scheme}:// URL",
                next_step=f"Known are {', '.join((*known, 'timeout'))}.",
            )
    endpoint = options.get("endpoint", "https://")
    if not endpoint.startswith(("http://", "https://")):
        raise InvalidInputError(
            f"the endpoint {endpoint!r} is not a URL", next_step=f"Write it as endpoint=https://{endpoint}."
        )
    settings = {known[name]: value for name, value in options.items()}
    place = parts.netloc + parts.path.rstrip("/")
    if parts.scheme == "az":
        settings["account_name"], _, place = place.partition("/")
        if not place:
            raise InvalidInputError(
                f"az://{parts.netloc} names an account, but no container in it", next_step="Use az://account/container."
            )
    return Address(
        url=f"{parts.scheme}://{place}",
        timeout_s=timeout_s,
        allows_http=options.get("endpoint", "").startswith("http://"),
        settings=settings | _credentials(parts.scheme, access.token),
    )


def _credentials(scheme: str, token: str) -> dict[str, str]:
    if not token:
        return {}
    if scheme == "gs":
        return {"service_account_key": token}
    if scheme == "az":
        return {"sas_key" if "sig=" in token else "account_key": token}
    key, _, rest = token.partition(":")
    secret, _, session = rest.partition(":")
    if not key or not secret:
        raise InvalidInputError(
            "the token of an s3:// stream lacks the key or the secret",
            next_step="Give KYC_STREAM_TOKEN as KEY:SECRET, or KEY:SECRET:SESSION.",
        )
    return {"access_key_id": key, "secret_access_key": secret} | ({"session_token": session} if session else {})
