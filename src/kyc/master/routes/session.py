"""`/session` and `/me`: signing a browser in and out. The secret is in a cookie that no script can read."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response, status

from kyc.domain.errors import ConflictError, ForbiddenError, NotAllowedError
from kyc.domain.user import AccessKind, Caller, Role
from kyc.master.auth import Called, Served, caller_of, cookie_name, is_operator, require_admin, require_own_page
from kyc.master.services import Services
from kyc.wire.api import Me, PasswordRequest, SessionState, SetupRequest, SignInLink, SignInRequest

router = APIRouter(tags=["people"])
_WRONG_CODE = "the code is not this master's, or it was used"
_WRONG_CODE_STEP = "Use the token that `kyc up` names, or `kyc up --open` for a new link."


@router.get("/session")
async def get_session(request: Request, served: Served) -> SessionState:
    """Say who calls, without refusing anybody, and whether the first administrator is still to be set up."""
    try:
        me = me_of(await caller_of(request, served))
    except NotAllowedError:
        me = None
    return SessionState(me=me, setup_needed=await served.users.setup_needed())


@router.post("/session", dependencies=[Depends(require_own_page)])
async def sign_in(body: SignInRequest, request: Request, response: Response, served: Served) -> Me:
    """Sign this browser in by name and password, or by a code."""
    if body.code:
        if not is_operator(served, body.code) and not served.users.use_link(body.code):
            raise _wrong_code()
        caller, secret = await served.users.sign_in_as_operator()
    else:
        caller, secret = await served.users.sign_in(body.name, body.password)
    _set_cookie(request, response, served, secret)
    return me_of(caller)


@router.post("/session/setup", status_code=status.HTTP_201_CREATED, dependencies=[Depends(require_own_page)])
async def set_up(body: SetupRequest, request: Request, response: Response, served: Served) -> Me:
    """Add the first administrator and sign this browser in; only while there is no user."""
    if not await served.users.setup_needed():
        raise ConflictError("an administrator is set up already", next_step="Sign in.")
    if not is_operator(served, body.code) and not served.users.is_link(body.code):
        raise _wrong_code()
    await served.users.add(body.name, Role.ADMIN, body.password)
    served.users.use_link(body.code)  # not before: who mistypes the password tries again with the same link
    caller, secret = await served.users.sign_in(body.name, body.password)
    _set_cookie(request, response, served, secret)
    return me_of(caller)


@router.delete("/session", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def sign_out(caller: Called, served: Served) -> Response:
    """End the session for good, in this browser and wherever its cookie may have got to."""
    if caller.access is not None and caller.kind is AccessKind.SESSION:
        await served.users.end(caller.access)
    response = Response(status_code=status.HTTP_204_NO_CONTENT)
    response.delete_cookie(cookie_name(served), path="/")
    return response


@router.post("/session/links", status_code=status.HTTP_201_CREATED, dependencies=[Depends(require_admin)])
async def make_link(request: Request, caller: Called, served: Served) -> SignInLink:
    """Make an address that signs one browser in, once. Only the operator can: it makes an operator's session."""
    if caller.kind is not AccessKind.OPERATOR:
        raise ForbiddenError("only the master's own token can make such a link", next_step="Use `kyc up --open`.")
    code, until = served.users.make_link()
    # Behind `#`: what stands there is never sent, so that no log on the way has it.
    return SignInLink(url=f"{str(request.base_url).rstrip('/')}/sign-in#code={code}", code=code, expires_at=until)


@router.get("/me")
async def get_me(caller: Called) -> Me:
    """Say who calls."""
    return me_of(caller)


@router.put("/me/password", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def change_password(body: PasswordRequest, caller: Called, served: Served) -> Response:
    """Change the caller's own password; all of the user's sessions end, this one too."""
    if caller.kind is AccessKind.OPERATOR or not await served.users.check_password(caller.name, body.current):
        raise ForbiddenError("the present password is another one", next_step="Try again.")
    await served.users.change(caller.name, password=body.new)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def me_of(caller: Caller) -> Me:
    """Return the caller as people see it."""
    return Me(name=caller.name, role=caller.role.value, kind=caller.kind.value, expires_at=caller.expires_at)


def _wrong_code() -> NotAllowedError:
    return NotAllowedError(_WRONG_CODE, next_step=_WRONG_CODE_STEP)


def _set_cookie(request: Request, response: Response, served: Services, secret: str) -> None:
    # No Max-Age: the master knows when the session ends, and a browser that is closed forgets it sooner.
    secure = request.url.scheme == "https"
    response.set_cookie(cookie_name(served), secret, path="/", httponly=True, samesite="strict", secure=secure)
