"""Who may call: a person by a session's cookie or a token, an agent by the secret it chose when it enrolled.

The token file of KYC_HOME makes its holder the operator, an administrator without a password. What FastAPI calls for
each request is a coroutine even where it awaits nothing: it would send a plain function to a thread and back.
"""

from __future__ import annotations

import hmac
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.requests import HTTPConnection
from fastapi.security.utils import get_authorization_scheme_param

from kyc.domain.errors import ForbiddenError, NotAllowedError
from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance
from kyc.domain.user import OPERATOR, AccessKind, Caller, Role
from kyc.master.services import Services

# Other sites' pages can neither set this header nor read an answer of ours.
OWN_PAGE_HEADER = "X-Kyc-Request"
_READING = {"GET", "HEAD", "OPTIONS"}
_NEXT_STEP = "Sign in, or set KYC_TOKEN; the master's own token lies in the file `token` of its KYC_HOME."


async def services_of(connection: HTTPConnection) -> Services:
    """Return what the app was made with."""
    served = connection.app.state.services
    assert isinstance(served, Services)
    return served


Served = Annotated[Services, Depends(services_of)]


async def bearer(connection: HTTPConnection) -> str:
    """Return the bearer token of the request; raise NotAllowedError if there is none."""
    token = _bearer(connection)
    if not token:
        raise NotAllowedError("the request has no bearer token", next_step=_NEXT_STEP)
    return token


Bearer = Annotated[str, Depends(bearer)]


def cookie_name(served: Services) -> str:
    """Return the name of the session's cookie. Cookies know no ports: masters of one machine must not share it."""
    return f"kyc_session_{served.identity.master_id}"


async def caller_of(connection: HTTPConnection, served: Served) -> Caller:
    """Return who calls; raise NotAllowedError for nobody we know."""
    token = _bearer(connection)
    if token:
        if is_operator(served, token):
            return Caller(name=OPERATOR, role=Role.ADMIN, kind=AccessKind.OPERATOR)
        return await served.users.authenticate(token)
    session = connection.cookies.get(cookie_name(served))
    if not session:
        raise NotAllowedError("the request has neither a token nor a session", next_step=_NEXT_STEP)
    await require_own_page(connection)
    return await served.users.authenticate(session)


Called = Annotated[Caller, Depends(caller_of)]


async def permit(connection: HTTPConnection, caller: Called) -> None:
    """Let administrators do anything and viewers look; raise ForbiddenError for what is more."""
    if connection.scope.get("method", "GET") not in _READING:
        await require_admin(caller)


async def require_admin(caller: Called) -> None:
    """Let administrators pass; raise ForbiddenError for viewers."""
    if not caller.role.may_write:
        raise ForbiddenError(f"{caller.name} may look, not change", next_step="Ask an administrator to do it.")


def is_operator(served: Services, token: str) -> bool:
    """Say whether it is the master's own token."""
    return hmac.compare_digest(token.encode(), served.admin_token.encode())


async def require_own_page(connection: HTTPConnection) -> None:
    """Refuse what another site's page made the browser send: raise ForbiddenError.

    Browsers add a cookie to any request to us. A request that changes something must come from our own page: by its
    Origin, or, where a proxy changed the Host, by a header that only our page can set.
    """
    if connection.scope.get("method", "GET") in _READING or OWN_PAGE_HEADER in connection.headers:
        return
    origin = connection.headers.get("Origin", "")
    if not origin or urlsplit(origin).netloc != connection.headers.get("Host"):
        raise ForbiddenError(
            "the request does not come from the dashboard's own page",
            next_step=f"Send the header {OWN_PAGE_HEADER}: 1 with it, or use a token.",
        )


async def agent_of(instance_id: str, secret: Bearer, served: Served) -> Instance:
    """Return the instance whose agent calls; raise NotAllowedError for anybody else."""
    return await served.intents.authenticate(InstanceId(instance_id), secret)


Agent = Annotated[Instance, Depends(agent_of)]


def _bearer(connection: HTTPConnection) -> str:
    scheme, token = get_authorization_scheme_param(connection.headers.get("Authorization"))
    return token if scheme.lower() == "bearer" else ""
