"""A question for a plan as one value: what a plan file, the flags of a command and a body hold."""

import datetime

from kilonova.core.errors import InvalidRequest
from kilonova.planner.plan import Plan, Wishes, make_plan
from kilonova.planner.shape import FindShape
from kilonova.planner.supply import Supply
from kilonova.planner.tables import load_tables
from kilonova.planner.workload import Workload

__all__ = ["PlanRequest", "answer"]


class PlanRequest(Wishes, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``as_of`` takes the prices that were known on that day."""

    workload: Workload
    supply: Supply = Supply()
    model: str = ""
    as_of: datetime.date | None = None


def answer(request: PlanRequest, find_shape: FindShape) -> Plan:
    """Plans. Raises InvalidRequest for what cannot be, naming the nearest that would work."""
    if not request.model:
        raise InvalidRequest("Name a model.", param="model", reason="missing_model")
    tables = load_tables(request.as_of)
    known = request.model in tables.models
    shape = None if known else find_shape(request.model)
    return make_plan(
        request.workload,
        request.supply,
        model=shape or request.model,
        tables=tables,
        wishes=request,
    )
