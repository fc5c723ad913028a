"""Who may use the master: signing in and out, users and their tokens. Secrets are compared by their hashes only."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kyc.control.context import Context, write_fresh
from kyc.control.throttle import Throttle
from kyc.domain.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import UserName, new_access_id
from kyc.domain.user import OPERATOR, Access, AccessKind, Caller, Role, User
from kyc.ports.passwords import Passwords

SESSION_LASTS = timedelta(hours=12)
LINK_LASTS = timedelta(minutes=10)
_SHORTEST, _LONGEST = 8, 1000
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_SECRET_BITS = 256
_WRONG = "the name and the password do not belong together"


@dataclass(slots=True)
class Users:
    """Users, sessions and tokens. Links for signing in live in memory: they are used at once or not at all."""

    context: Context
    passwords: Passwords
    session_lasts: timedelta = SESSION_LASTS
    _links: dict[str, datetime] = field(default_factory=dict)
    _throttle: Throttle = field(default_factory=Throttle)

    async def setup_needed(self) -> bool:
        """Say whether no user was ever added, so that only the operator can sign in."""
        return not await self.context.store.admin_records(User)

    async def sign_in(self, name: str, password: str) -> tuple[Caller, str]:
        """Return the caller and the secret of a new session; raise NotAllowedError, ThrottledError."""
        user_name = UserName(name.strip().lower())
        now = self.context.clock.now()
        self._throttle.check(user_name, now=now)
        user = await self.context.store.admin_record(User, user_name)
        known = user is not None and not user.is_over
        if not await self.passwords.verify(password, user.password_hash if user is not None and known else "") or (
            user is None
        ):
            if self._throttle.failed(user_name, now=now):
                await self._tell(EventKind.SIGN_IN_REFUSED, user_name, "too many wrong passwords")
            raise NotAllowedError(_WRONG, next_step="Try again, or ask an administrator for a new password.")
        self._throttle.succeeded(user_name)
        return await self._open_session(user.name, user.role)

    async def sign_in_as_operator(self) -> tuple[Caller, str]:
        """Return a session for who holds the master's own token; the caller has checked that."""
        return await self._open_session(OPERATOR, Role.ADMIN)

    def make_link(self) -> tuple[str, datetime]:
        """Return a code that signs one browser in, once, and until when."""
        now = self.context.clock.now()
        self._links = {code: until for code, until in self._links.items() if now < until}
        code, until = self._secret(), now + LINK_LASTS
        self._links[_hash(code)] = until
        return code, until

    def is_link(self, code: str) -> bool:
        """Say whether the code is good."""
        until = self._links.get(_hash(code))
        return until is not None and self.context.clock.now() < until

    def use_link(self, code: str) -> bool:
        """Say whether the code is good; it is not afterwards."""
        good = self.is_link(code)
        self._links.pop(_hash(code), None)
        return good

    async def authenticate(self, secret: str) -> Caller:
        """Return who has this secret of a session or token; raise NotAllowedError."""
        access_id, _, rest = secret.removeprefix("kyc_").partition("_")
        access = await self.context.store.admin_record(Access, access_id)
        if access is None or not hmac.compare_digest(access.secret_hash, _hash(rest)):
            raise NotAllowedError(
                "the token is not this master's", next_step="Sign in, or set KYC_TOKEN to a token that holds."
            )
        if not access.is_good(self.context.clock.now()):
            raise NotAllowedError(f"the {access.kind.value} has ended", next_step="Sign in again, or make a new token.")
        role = access.role
        if access.user != OPERATOR:
            user = await self.context.store.admin_record(User, access.user)
            if user is None or user.is_over:
                raise NotAllowedError(f"user {access.user} was removed", next_step="Ask an administrator.")
            role = access.role if user.role.may_write else user.role
        return Caller(name=access.user, role=role, kind=access.kind, access=access.id, expires_at=access.expires_at)

    async def is_good(self, caller: Caller) -> bool:
        """Say whether what the caller came with still stands."""
        if caller.access is None:
            return True
        access = await self.context.store.admin_record(Access, caller.access)
        return access is not None and access.is_good(self.context.clock.now())

    async def end(self, access_id: str) -> None:
        """End a session or token for good; raise NotFoundError for none. A second time changes nothing."""
        await write_fresh(lambda: self._end(access_id))

    async def users(self) -> list[User]:
        """Return the users, oldest first."""
        return await self.context.store.admin_records(User, live_only=True)

    async def add(self, name: str, role: Role, password: str) -> User:
        """Store a user, also one that was removed before; raise ConflictError for a name in use, InvalidInputError."""
        user_name = _checked_name(name)
        hashed = await self.passwords.hash(_checked_password(password))
        return await write_fresh(lambda: self._add(user_name, role, hashed))

    async def change(self, name: str, *, role: Role | None = None, password: str | None = None) -> User:
        """Give a user another role or password; a new password ends the user's sessions. Raise NotFoundError."""
        hashed = None if password is None else await self.passwords.hash(_checked_password(password))
        return await write_fresh(lambda: self._change(UserName(name), role, hashed))

    async def check_password(self, name: UserName, password: str) -> bool:
        """Say whether it is the user's password; never for one that has none. Raise ThrottledError."""
        now = self.context.clock.now()
        self._throttle.check(name, now=now)
        user = await self.context.store.admin_record(User, name)
        right = await self.passwords.verify(password, "" if user is None else user.password_hash)
        if right:
            self._throttle.succeeded(name)
        else:
            self._throttle.failed(name, now=now)
        return right

    async def remove(self, name: str) -> None:
        """Remove a user, with sessions and tokens; raise NotFoundError, ConflictError for the last administrator."""
        await write_fresh(lambda: self._remove(UserName(name)))

    async def tokens(self) -> list[Access]:
        """Return the API tokens that have neither ended nor expired, oldest first."""
        now = self.context.clock.now()
        found = await self.context.store.admin_records(Access, live_only=True)
        return [access for access in found if access.kind is AccessKind.TOKEN and access.is_good(now)]

    async def create_token(self, caller: Caller, label: str, role: Role, lasts: timedelta | None) -> tuple[Access, str]:
        """Return a new token of the caller's, and its secret, which nobody can see again."""
        if not label.strip() or len(label) > 80:
            raise InvalidInputError("name: give the token a name of 1 to 80 characters that says what it is for")
        if lasts is not None and lasts <= timedelta(0):
            raise InvalidInputError("expires_s: a token must live for a while")
        access, secret = self._make(AccessKind.TOKEN, caller.name, role, lasts, label.strip())
        event = self._event(EventKind.TOKEN_CREATED, access.id, f"made by {caller.name}", name=label, role=role.value)
        await self.context.store.save(access, events=[event])
        self.context.signal.notify()
        return access, secret

    async def _open_session(self, name: UserName, role: Role) -> tuple[Caller, str]:
        now = self.context.clock.now()
        old = await self.context.store.admin_records(Access, live_only=True)
        gone = [replace(access, ended_at=now) for access in old if not access.is_good(now)]
        access, secret = self._make(AccessKind.SESSION, name, role, self.session_lasts)
        await self.context.store.save(access)
        if gone:
            await self.context.store.save(*gone)
        caller = Caller(name=name, role=role, kind=access.kind, access=access.id, expires_at=access.expires_at)
        return caller, secret

    def _make(
        self, kind: AccessKind, user: UserName, role: Role, lasts: timedelta | None, label: str = ""
    ) -> tuple[Access, str]:
        now, rest = self.context.clock.now(), self._secret()
        access = Access(
            id=new_access_id(self.context.rng),
            kind=kind,
            user=user,
            role=role,
            secret_hash=_hash(rest),
            created_at=now,
            expires_at=None if lasts is None else now + lasts,
            label=label,
        )
        return access, f"kyc_{access.id}_{rest}"

    async def _end(self, access_id: str) -> None:
        access = await self.context.store.admin_record(Access, access_id)
        if access is None:
            raise NotFoundError(f"no token has the id {access_id[:80]!r}", next_step="`kyc token list` lists them.")
        if access.is_over:
            return
        told = [self._event(EventKind.TOKEN_REVOKED, access.id, "asked for", name=access.label)]
        ended = replace(access, ended_at=self.context.clock.now())
        await self.context.store.save(ended, events=told if access.kind is AccessKind.TOKEN else ())
        self.context.signal.notify()

    async def _add(self, name: UserName, role: Role, hashed: str) -> User:
        before = await self.context.store.admin_record(User, name)
        if before is not None and not before.is_over:
            raise ConflictError(f"a user {name} is there already", next_step="Choose another name.")
        user = User(
            name=name,
            role=role,
            password_hash=hashed,
            created_at=self.context.clock.now(),
            version=0 if before is None else before.version,
        )
        await self.context.store.save(user, events=[self._event(EventKind.USER_ADDED, name, "asked for", role=role)])
        self.context.signal.notify()
        return user

    async def _change(self, name: UserName, role: Role | None, hashed: str | None) -> User:
        user = await self._user(name)
        if role is not None and not role.may_write:
            await self._keep_an_admin(user)
        changed = replace(user, role=role or user.role, password_hash=hashed or user.password_hash)
        ended = [] if hashed is None else await self._accesses_of(name, kind=AccessKind.SESSION)
        what = "role and password" if role and hashed else "role" if role else "password"
        event = self._event(EventKind.USER_CHANGED, name, f"a new {what}", role=changed.role.value)
        await self.context.store.save(changed, *ended, events=[event])
        self.context.signal.notify()
        return changed

    async def _remove(self, name: UserName) -> None:
        user = await self._user(name)
        await self._keep_an_admin(user)
        ended = await self._accesses_of(name)
        event = self._event(EventKind.USER_REMOVED, name, "asked for")
        await self.context.store.save(replace(user, removed=True, password_hash=""), *ended, events=[event])
        self.context.signal.notify()

    async def _keep_an_admin(self, user: User) -> None:
        admins = [other for other in await self.users() if other.role is Role.ADMIN]
        if user.role is Role.ADMIN and len(admins) == 1:
            raise ConflictError(f"{user.name} is the last administrator", next_step="Make another one first.")

    async def _accesses_of(self, name: UserName, *, kind: AccessKind | None = None) -> list[Access]:
        """Return what stands for the user, ended now."""
        found = await self.context.store.admin_records(Access, live_only=True)
        now = self.context.clock.now()
        return [replace(a, ended_at=now) for a in found if a.user == name and kind in {None, a.kind}]

    async def _user(self, name: UserName) -> User:
        user = await self.context.store.admin_record(User, name)
        if user is None or user.is_over:
            raise NotFoundError(f"no user is called {name[:80]!r}", next_step="`kyc user list` lists them.")
        return user

    def _secret(self) -> str:
        return f"{self.context.rng.getrandbits(_SECRET_BITS):064x}"

    def _event(self, kind: EventKind, subject: str, reason: str, **data: object) -> Event:
        return Event(kind=kind, subject=subject, at=self.context.clock.now(), data=data, reason=reason)

    async def _tell(self, kind: EventKind, subject: str, reason: str) -> None:
        await self.context.store.save(events=[self._event(kind, subject, reason)])
        self.context.signal.notify()


def _checked_name(text: str) -> UserName:
    name = text.strip().lower()
    if not _NAME.fullmatch(name) or name == OPERATOR:
        raise InvalidInputError(
            f"name: {text[:80]!r} cannot be a user's name",
            next_step="Use 1 to 64 letters, digits and . _ @ + -, such as ann@example.com; not 'operator'.",
        )
    return UserName(name)


def _checked_password(password: str) -> str:
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise InvalidInputError(f"password: it needs {_SHORTEST} to {_LONGEST} characters")
    return password


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
