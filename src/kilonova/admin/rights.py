"""What members may do with the admin API: only what an operation opens to their role, and only
with what belongs to their own organisation. Everything else is the operator's, and so is what
answers hold of the operator's own affairs.
"""

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from kilonova.admin.operations import Operation
from kilonova.admin.request_detail import RequestDetail
from kilonova.admin.schema import RequestList, UsageReport, UsageTotal
from kilonova.admin.statements import StatementList, StatementQuery
from kilonova.admin.tariff import PriceList
from kilonova.core.errors import Forbidden, NotFound
from kilonova.core.members import Member, is_at_least

__all__ = ["Own", "check", "conceal", "confine"]

_Total = TypeVar("_Total", bound=UsageTotal)


class Own(Struct, frozen=True, kw_only=True):
    """Whose things are: the organisation that owns an id, and what a member's own is called."""

    organisation_of: Callable[[str], str | None]
    organisation_name: Callable[[str], str]


def check(member: Member, operation: Operation[Struct], ids: tuple[str, ...], *, own: Own) -> None:
    """Raises Forbidden, or NotFound for what is another organisation's, as for what does not exist.

    Comes before anything of the request is read: who may not ask learns nothing from answers.
    """
    if operation.role is None:
        raise Forbidden("This is the operator's, not a member's.", reason="role")
    if not is_at_least(member.role, operation.role):
        raise Forbidden(
            f"Your role is {member.role}; this needs {operation.role}. Ask an owner.", reason="role"
        )
    for each in ids:
        if each.partition("_")[0] not in operation.kinds:
            raise NotFound(f"There is no {each[:60]!r} here.")
        if own.organisation_of(each) != member.organisation_id:
            raise NotFound(f"There is no {each[:60]!r} here.")


def confine(member: Member, argument: Struct, *, own: Own) -> Struct:
    """The argument, bound to the member's organisation. Raises NotFound where it names another."""
    if "organisation" not in argument.__struct_fields__:
        return argument
    named = getattr(argument, "organisation", None)
    if named not in (None, member.organisation_id, own.organisation_name(member.organisation_id)):
        raise NotFound(f"There is no organisation {str(named)[:100]!r} here.", param="organisation")
    bound = replace(argument, organisation=member.organisation_id)
    if isinstance(bound, StatementQuery):
        # A share of the idle time would tell how busy everybody else was.
        return replace(bound, idle="platform")
    return bound


def conceal(answer: Struct, *, tells_cost: bool) -> Struct:
    """The answer as a member may read it; ``tells_cost`` is whether the server tells its callers
    what answers take. Raises Forbidden where nothing would be left."""
    match answer:
        case UsageReport() if not tells_cost:
            return replace(
                answer,
                data=tuple(map(_without_cost, answer.data)),
                totals=tuple(map(_without_cost, answer.totals)),
            )
        case RequestDetail() if not tells_cost:
            return replace(answer, request=replace(answer.request, cost=None))
        case RequestList() if not tells_cost:
            return replace(answer, data=tuple(replace(each, cost=None) for each in answer.data))
        case StatementList() if not tells_cost:
            raise Forbidden("What answers take is the operator's to know here.", reason="cost")
        case PriceList():
            return replace(answer, file="")
        case _:
            return answer


def _without_cost(line: _Total) -> _Total:
    return replace(line, cost=None, cost_currency=None, busy_s=None, energy_wh=None, co2_g=None)
