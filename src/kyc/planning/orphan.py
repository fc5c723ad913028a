"""Whether something that a cloud lists under our tags is an orphan: it costs money, and nothing here wants it."""

from __future__ import annotations

from kyc.domain.instance import Instance


def why_orphan(provider_id: str, known: Instance | None, *, costs: bool) -> str | None:
    """Return why it is one, None if it is not. `costs`: it runs, or something of it is left that bills.

    One whose record has no provider id yet is being made, or was made by a run that was cut off: then it is either
    recorded by the next run or, once that run has made another, not the one in the record.
    """
    if not costs:
        return None
    if known is None:
        return "not known here"
    if known.is_over:
        return f"its record is {known.state}"
    if known.provider_id is not None and known.provider_id != provider_id:
        return f"{known.id} is {known.provider_id}: a launch that was cut off made this one"
    return None
