"""What members may do with the admin API: only what an operation opens to their role, and only
with what belongs to their own organisation. Everything else is the operator's.
"""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from kilonova.admin.operations import Operation
from kilonova.core.errors import Forbidden, NotFound
from kilonova.core.members import Member, is_at_least

__all__ = ["Own", "check", "confine"]


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
    return replace(argument, organisation=member.organisation_id)
