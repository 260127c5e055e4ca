"""Organisations, projects and keys as they are named in questions: by an id, by a name, a page at a
time. What could mean several is refused with what they are; never a guess.
"""

from typing import Any, TypeVar

from kilonova.admin.ports import Customers
from kilonova.admin.schema import PageQuery
from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.identity import Key, Organisation, Project

__all__ = ["FIRST", "level_of", "named", "only", "owner_of", "page_of"]

_Owner = TypeVar("_Owner", Organisation, Project, Key)
_Named = TypeVar("_Named", Organisation, Project)

# What the first start makes, and what is meant where nothing is named.
FIRST = "default"


def level_of(
    customers: Customers[Any], level: str, *, organisation_id: str | None = None
) -> Organisation | Project | Key:
    """The key, project or organisation of this id, or the only one of this name; with
    ``organisation_id`` among what is that organisation's, as if there were nothing else."""
    if level.startswith("org_"):
        found: Organisation | Project | Key = customers.organisation(level)
    elif level.startswith("proj_"):
        found = customers.project(level)
    elif level.startswith("key_"):
        found = customers.key(level)
    else:
        return _called(customers, level, organisation_id)
    if organisation_id not in (None, owner_of(found)):
        raise _nothing(level)
    return found


def owner_of(level: Organisation | Project | Key) -> str:
    """The id of the organisation that it is or belongs to."""
    return level.id if isinstance(level, Organisation) else level.organisation_id


def _called(
    customers: Customers[Any], name: str, organisation_id: str | None
) -> Organisation | Project | Key:
    all_of_them = customers.organisations()
    organisations = [each for each in all_of_them if organisation_id in (None, each.id)]
    projects = [each for owner in organisations for each in customers.projects(owner.id)]
    keys = [each for project in projects for each in customers.keys(project.id)]
    owners: list[Organisation | Project | Key] = [*organisations, *projects, *keys]
    found = [owner for owner in owners if owner.name == name and not _is_over(owner)]
    if not found:
        raise _nothing(name)
    if len(found) > 1:
        ids = ", ".join(owner.id for owner in found[:10])
        raise InvalidRequest(f"Several are called {name[:100]!r}, so use an id: {ids}.")
    return found[0]


def _nothing(level: str) -> NotFound:
    return NotFound(f"There is no key, project or organisation {level[:100]!r} here.")


def _is_over(owner: Organisation | Project | Key) -> bool:
    return isinstance(owner, Key) and owner.revoked_ms is not None


def named(owners: list[_Named], name: str, kind: str) -> list[_Named]:
    """Those with this id or name. Raises NotFound when there are none."""
    found = [owner for owner in owners if name in (owner.id, owner.name)]
    if not found:
        raise NotFound(f"There is no {kind} {name[:100]!r} here.", param=kind)
    return found


def only(owners: list[_Named], name: str | None, kind: str) -> _Named:
    """The one that is named, else ``default``, else the only one there is. Never a guess."""
    if name is not None:
        return named(owners, name, kind)[0]
    first = [owner for owner in owners if owner.name == FIRST]
    if first:
        return first[0]
    if not owners:
        raise NotFound(f"There is no {kind} yet. Make one first.", param=kind)
    if len(owners) > 1:
        names = ", ".join(owner.name for owner in owners[:10])
        raise InvalidRequest(
            f"There are several {kind}s, so name one with '{kind}': {names}.", param=kind
        )
    return owners[0]


def page_of(owners: list[_Owner], query: PageQuery) -> tuple[list[_Owner], str | None]:
    """One page in the order of ids, which is that of making, and where the next one begins."""
    rest = sorted(
        (owner for owner in owners if query.after is None or owner.id > query.after),
        key=lambda owner: owner.id,
    )
    page = rest[: query.limit]
    return page, page[-1].id if len(rest) > len(page) else None
