"""Who may call: the administrator by the token of this KYC_HOME, an agent by the secret it chose when it enrolled."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection
from fastapi.security.utils import get_authorization_scheme_param

from kyc.domain.errors import NotAllowedError
from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance
from kyc.master.services import Services


def services_of(connection: HTTPConnection) -> Services:
    """Return what the app was made with."""
    served = connection.app.state.services
    assert isinstance(served, Services)
    return served


Served = Annotated[Services, Depends(services_of)]


def bearer(connection: HTTPConnection) -> str:
    """Return the bearer token of the request; raise NotAllowedError if there is none."""
    scheme, token = get_authorization_scheme_param(connection.headers.get("Authorization"))
    if scheme.lower() != "bearer" or not token:
        raise NotAllowedError(
            "the request has no bearer token",
            next_step="Set KYC_TOKEN to the master's token; it lies in the file `token` of its KYC_HOME.",
        )
    return token


Bearer = Annotated[str, Depends(bearer)]


def require_admin(token: Bearer, served: Served) -> None:
    """Let the administrator pass; raise NotAllowedError for anybody else."""
    if not hmac.compare_digest(token.encode(), served.admin_token.encode()):
        raise NotAllowedError(
            "the token is not this master's",
            next_step="Set KYC_TOKEN to the master's token; it lies in the file `token` of its KYC_HOME.",
        )


async def agent_of(instance_id: str, secret: Bearer, served: Served) -> Instance:
    """Return the instance whose agent calls; raise NotAllowedError for anybody else."""
    return await served.intents.authenticate(InstanceId(instance_id), secret)


Agent = Annotated[Instance, Depends(agent_of)]
