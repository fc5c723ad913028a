"""Accounts of clouds as the rows of wire.api. The values of secret fields are not among what is read here."""

from __future__ import annotations

from kyc.domain.account import CloudAccount
from kyc.ports.account import CloudProvider, Verdict
from kyc.wire.api import AccountField, AccountReport, AccountRow, CloudForm, RightRow


def account_row(account: CloudAccount) -> AccountRow:
    """Return an account's line."""
    return AccountRow(
        cloud=account.cloud,
        name=account.name,
        identity=account.identity,
        settings=dict(account.settings),
        added_at=account.added_at,
        checked_at=account.checked_at,
    )


def account_report(cloud: str, name: str, verdict: Verdict, *, accepted: bool) -> AccountReport:
    """Return what the provider said of an account."""
    rights = [
        RightRow(
            name=right.name,
            purpose=right.purpose,
            granted=right.granted,
            required=right.required,
            problem=right.problem,
        )
        for right in verdict.rights
    ]
    return AccountReport(
        cloud=cloud,
        name=name,
        accepted=accepted,
        identity=verdict.identity,
        rights=rights,
        policy=verdict.policy,
        warnings=list(verdict.warnings),
    )


def cloud_form(provider: CloudProvider) -> CloudForm:
    """Return what an account of the provider needs."""
    fields = [
        AccountField(
            name=one.name,
            title=one.title,
            secret=one.secret,
            required=one.required,
            default=one.default,
            help=one.help,
            env=list(one.env),
            file=one.file,
        )
        for one in provider.fields
    ]
    return CloudForm(cloud=provider.name, title=provider.title, fields=fields)
