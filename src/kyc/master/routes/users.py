"""`/users` and `/tokens`: who may sign in, and what may call by itself. For administrators only."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Response, status

from kyc.domain.errors import InvalidInputError
from kyc.domain.user import Access, Role, User
from kyc.master.auth import Called, Served
from kyc.wire.api import NewToken, TokenRequest, TokenRow, UserChange, UserRequest, UserRow

router = APIRouter(tags=["people"])


@router.get("/users")
async def list_users(served: Served) -> list[UserRow]:
    """List the users, the newest last."""
    return [user_row(user) for user in await served.users.users()]


@router.post("/users", status_code=status.HTTP_201_CREATED)
async def add_user(request: UserRequest, served: Served) -> UserRow:
    """Add a user."""
    return user_row(await served.users.add(request.name, _role(request.role), request.password))


@router.patch("/users/{name}")
async def change_user(name: str, request: UserChange, served: Served) -> UserRow:
    """Give a user another role or password; a new password ends the user's sessions."""
    role = None if request.role is None else _role(request.role)
    return user_row(await served.users.change(name, role=role, password=request.password))


@router.delete("/users/{name}", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def remove_user(name: str, served: Served) -> Response:
    """Remove a user, and end its sessions and tokens."""
    await served.users.remove(name)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/tokens")
async def list_tokens(served: Served) -> list[TokenRow]:
    """List the tokens that work, the newest last."""
    return [token_row(access) for access in await served.users.tokens()]


@router.post("/tokens", status_code=status.HTTP_201_CREATED)
async def create_token(request: TokenRequest, caller: Called, served: Served) -> NewToken:
    """Make a token. It is shown here and never again."""
    lasts = None if request.expires_s is None else timedelta(seconds=request.expires_s)
    access, secret = await served.users.create_token(caller, request.name, _role(request.role), lasts)
    return NewToken(row=token_row(access), token=secret)


@router.delete("/tokens/{token_id}", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def revoke_token(token_id: str, served: Served) -> Response:
    """End a token for good."""
    await served.users.end(token_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def user_row(user: User) -> UserRow:
    """Return a user's line."""
    return UserRow(name=user.name, role=user.role.value, created_at=user.created_at)


def token_row(access: Access) -> TokenRow:
    """Return a token's line."""
    return TokenRow(
        id=access.id,
        name=access.label,
        role=access.role.value,
        user=access.user,
        created_at=access.created_at,
        expires_at=access.expires_at,
    )


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise InvalidInputError(f"role: {text[:40]!r} is not one of {', '.join(Role)}") from error
