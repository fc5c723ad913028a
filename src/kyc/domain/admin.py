"""What people set up on a master besides work and money; all of it is kept alike, by its kind and its key."""

from __future__ import annotations

from kyc.domain.alert import PriceAlert
from kyc.domain.notification import ReadMark, Target
from kyc.domain.user import Access, User

AdminRecord = User | Access | PriceAlert | Target | ReadMark
ADMIN_KINDS: tuple[type[AdminRecord], ...] = (User, Access, PriceAlert, Target, ReadMark)


def admin_key(record: AdminRecord) -> str:
    """Return the name or id that is the record's own among those of its kind."""
    match record:
        case User():
            return record.name
        case ReadMark():
            return record.user
        case Access() | PriceAlert() | Target():
            return record.id
