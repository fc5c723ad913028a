"""`/budgets`: limits on what may be spent."""

from __future__ import annotations

from decimal import Decimal

from fastapi import APIRouter, Response, status

from kyc.master.auth import Served
from kyc.master.money import budget_row
from kyc.wire.api import BudgetRequest, BudgetRow

router = APIRouter(prefix="/budgets", tags=["money"])


@router.get("")
async def list_budgets(served: Served) -> list[BudgetRow]:
    """List the budgets of the periods and of the jobs that live, with what was spent of them."""
    now = served.clock.now()
    return [budget_row(scope, meter, now=now) for scope, meter in (await served.budgets.meters()).items()]


@router.put("/{scope}")
async def set_budget(scope: str, request: BudgetRequest, served: Served) -> BudgetRow:
    """Set the budget of `day`, `month`, `total` or a live job; what was reached is judged anew."""
    await served.budgets.set(scope, Decimal(str(request.limit_usd)), Decimal(str(request.warn_at)))
    return budget_row(scope, (await served.budgets.meters())[scope], now=served.clock.now())


@router.delete("/{scope}", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def remove_budget(scope: str, served: Served) -> Response:
    """Remove a budget."""
    await served.budgets.remove(scope)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
