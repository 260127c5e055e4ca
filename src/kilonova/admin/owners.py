"""Organisations, projects and keys as they are named in questions: by an id, by a name, a page at a
time. What could mean several is refused with what they are; never a guess.
"""

from typing import Any, TypeVar

from kilonova.admin.ports import Customers
from kilonova.admin.schema import PageQuery
from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.identity import Key, Organisation, Project

__all__ = ["FIRST", "level_of", "named", "only", "page_of"]

_Owner = TypeVar("_Owner", Organisation, Project, Key)
_Named = TypeVar("_Named", Organisation, Project)

# What the first start makes, and what is meant where nothing is named.
FIRST = "default"


def level_of(customers: Customers[Any], level: str) -> Organisation | Project | Key:
    """The key, project or organisation of this id, or the only one of this name."""
    if level.startswith("org_"):
        return customers.organisation(level)
    if level.startswith("proj_"):
        return customers.project(level)
    if level.startswith("key_"):
        return customers.key(level)
    return _called(customers, level)


def _called(customers: Customers[Any], name: str) -> Organisation | Project | Key:
    organisations = customers.organisations()
    projects = [each for owner in organisations for each in customers.projects(owner.id)]
    keys = [each for project in projects for each in customers.keys(project.id)]
    owners: list[Organisation | Project | Key] = [*organisations, *projects, *keys]
    found = [owner for owner in owners if owner.name == name and not _is_over(owner)]
    if not found:
        raise NotFound(f"There is no key, project or organisation {name[:100]!r} here.")
    if len(found) > 1:
        ids = ", ".join(owner.id for owner in found[:10])
        raise InvalidRequest(f"Several are called {name[:100]!r}, so use an id: {ids}.")
    return found[0]


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
