"""`/clouds`: where things can be bought, and the accounts that pay."""

from __future__ import annotations

from fastapi import APIRouter, Response, status

from kyc.master.auth import Served
from kyc.master.cloud_views import account_report, account_row, cloud_form
from kyc.wire.api import AccountReport, AccountRequest, CloudForm, CloudRow

router = APIRouter(prefix="/clouds", tags=["clouds"])


@router.get("")
async def list_clouds(served: Served) -> list[CloudRow]:
    """List the registered clouds, whether each works, and the accounts."""
    accounts = [account_row(one) for one in await served.accounts.all()]
    return [
        CloudRow(
            name=cloud.name,
            ready=cloud.ready,
            message=cloud.message,
            accounts=[one for one in accounts if one.cloud == cloud.name],
        )
        for cloud in await served.operations.clouds()
    ]


@router.get("/forms")
async def list_cloud_forms(served: Served) -> list[CloudForm]:
    """List what an account of each cloud needs."""
    return [cloud_form(provider) for provider in served.accounts.providers.values()]


@router.put("/{cloud}/accounts/{name}")
async def add_account(cloud: str, name: str, request: AccountRequest, served: Served) -> AccountReport:
    """Have the provider verify an account, and keep it (or its new credentials) if nothing required is missing."""
    account, verdict = await served.accounts.add(cloud, name, request.values)
    return account_report(cloud, name, verdict, accepted=account is not None)


@router.post("/{cloud}/accounts/{name}/check")
async def check_account(cloud: str, name: str, served: Served) -> AccountReport:
    """Ask the provider about an account again."""
    verdict = await served.accounts.check(cloud, name)
    return account_report(cloud, name, verdict, accepted=not verdict.missing)


@router.delete("/{cloud}/accounts/{name}", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def remove_account(cloud: str, name: str, served: Served) -> Response:
    """Forget an account and its credentials; not while something of it may still cost money."""
    await served.accounts.remove(cloud, name)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
