"""The control plane itself: answers an operator from the parts of one installation."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from msgspec import Struct

from kilonova.admin import views
from kilonova.admin.period import parse_time
from kilonova.admin.ports import Customers, OrderForm
from kilonova.admin.schema import (
    CreatedKey,
    KeyList,
    KeyQuery,
    KeyView,
    LevelView,
    LimitsChange,
    ModelList,
    NewKey,
    NewOrganisation,
    NewProject,
    OrganisationList,
    OrganisationView,
    PageQuery,
    PartView,
    ProjectList,
    ProjectQuery,
    ProjectView,
    RequestList,
    RequestQuery,
    Status,
    UsageQuery,
    UsageReport,
    Verification,
)
from kilonova.core.books import TIME_MS_MAX, LedgerBook, UsageFilter
from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.identity import Key, Limits, Organisation, Project
from kilonova.core.model import PLATFORM, Model
from kilonova.core.money import format_nano
from kilonova.web.health import Readiness

__all__ = ["Control", "Installation", "LedgerReading"]

Order = TypeVar("Order")
_Owner = TypeVar("_Owner", Organisation, Project, Key)
_Named = TypeVar("_Named", Organisation, Project)

# What the first start makes, and what is meant where nothing is named.
_FIRST = "default"


class LedgerReading(Struct, frozen=True, kw_only=True):
    """The ledger as it is read. ``audit`` checks all of it and may take its time in a thread."""

    book: LedgerBook
    audit: Callable[[], Verification]
    spent_nano: Callable[[str], int]


class Installation(Struct, frozen=True, kw_only=True):
    """What runs here. Parts of the readiness are engines by their names, among others."""

    version: str
    started_ms: int
    models: tuple[Model, ...]
    readiness: Callable[[], Awaitable[Readiness]]
    open_requests: Callable[[], int]


class Control(Generic[Order]):
    """Implements ``ControlPlane``. Belongs to the event loop; long reading goes to threads.

    ``order`` is the type in which ``customers`` takes orders for keys.
    """

    def __init__(
        self,
        customers: Customers[Order],
        order: OrderForm[Order],
        *,
        ledger: LedgerReading,
        installation: Installation,
    ) -> None:
        self._customers = customers
        self._order = order
        self._ledger = ledger
        self._installation = installation

    async def status(self) -> Status:
        here = self._installation
        readiness = await here.readiness()
        return Status(
            version=here.version,
            is_ready=readiness.is_ready,
            started_at=views.moment(here.started_ms),
            models=len(here.models),
            requests_open=here.open_requests(),
            parts=tuple(
                PartView(name=name, is_ready=health.is_ready, detail=health.detail)
                for name, health in readiness.parts.items()
            ),
        )

    async def create_organisation(self, body: NewOrganisation) -> OrganisationView:
        limits = views.limits_of(body.limits)
        organisation = await self._customers.create_organisation(body.name, limits=limits)
        await self._customers.create_project(organisation.id, _FIRST, limits=Limits())
        return views.show_organisation(organisation)

    async def list_organisations(self, query: PageQuery) -> OrganisationList:
        found, after = _page(self._customers.organisations(), query)
        return OrganisationList(data=tuple(map(views.show_organisation, found)), next=after)

    async def create_project(self, body: NewProject) -> ProjectView:
        organisation = self._organisation(body.organisation)
        limits = views.limits_of(body.limits)
        project = await self._customers.create_project(organisation.id, body.name, limits=limits)
        return views.show_project(project)

    async def list_projects(self, query: ProjectQuery) -> ProjectList:
        found, after = _page(self._projects(query.organisation), query)
        return ProjectList(data=tuple(map(views.show_project, found)), next=after)

    async def create_key(self, body: NewKey) -> CreatedKey:
        project = self._project(body.organisation, body.project)
        order = self._order(
            name=body.name,
            kind="access" if body.kind == "aws" else body.kind,
            limits=views.limits_of(body.limits),
            expires_ms=None if body.expires_at is None else views.milliseconds(body.expires_at),
        )
        minted = await self._customers.create_key(project.id, order)
        return CreatedKey(
            id=minted.key.id,
            organisation_id=minted.key.organisation_id,
            project_id=minted.key.project_id,
            name=minted.key.name,
            bearer_key=minted.bearer,
            access_key_id=minted.access_key_id,
            secret_access_key=minted.secret,
        )

    async def list_keys(self, query: KeyQuery) -> KeyList:
        projects = self._projects(query.organisation)
        if query.project is not None:
            projects = _named(projects, query.project, "project")
        keys = [key for project in projects for key in self._customers.keys(project.id)]
        found, after = _page(keys, query)
        return KeyList(data=tuple(map(views.show_key, found)), next=after)

    async def revoke_key(self, key_id: str) -> KeyView:
        return views.show_key(await self._customers.revoke_key(key_id))

    async def limits(self, level_id: str) -> LevelView:
        return self._show_level(level_id, self._level(level_id).limits)

    async def set_limits(self, level_id: str, body: LimitsChange) -> LevelView:
        limits = await self._customers.set_limits(
            level_id, lambda standing: views.changed_limits(standing, body)
        )
        return self._show_level(level_id, limits)

    async def list_models(self) -> ModelList:
        parts = (await self._installation.readiness()).parts
        ready = {name for name, health in parts.items() if health.is_ready}
        if "server" in ready:
            ready.add(PLATFORM)
        return ModelList(
            data=tuple(
                views.show_model(model, is_ready=model.engine in ready)
                for model in self._installation.models
            )
        )

    async def usage(self, query: UsageQuery) -> UsageReport:
        return await asyncio.to_thread(self._report, self._chosen(query), query)

    async def list_requests(self, query: RequestQuery) -> RequestList:
        book, chosen, after = self._ledger.book, self._chosen(query), query.after or ""
        found = await asyncio.to_thread(book.page, chosen, after=after, limit=query.limit)
        records = [booked.record for booked in found]
        return RequestList(
            data=tuple(map(views.show_request, records)),
            next=records[-1].request_id if len(records) == query.limit else None,
        )

    async def verify_ledger(self) -> Verification:
        return await asyncio.to_thread(self._ledger.audit)

    def _report(self, chosen: UsageFilter, query: UsageQuery) -> UsageReport:
        """Lines and totals of one snapshot, so that they add up."""
        with self._ledger.book.snapshot() as view:
            return UsageReport(
                group_by=query.group_by,
                data=tuple(map(views.show_row, view.usage(chosen, (query.group_by,)))),
                totals=tuple(map(views.show_total, view.usage(chosen, ()))),
            )

    def _chosen(self, query: UsageQuery | RequestQuery) -> UsageFilter:
        organisation = query.organisation
        return UsageFilter(
            organisation_id=None if organisation is None else self._organisation(organisation).id,
            since_ms=0 if query.from_ is None else parse_time(query.from_, param="from"),
            until_ms=TIME_MS_MAX if query.to is None else parse_time(query.to, param="to"),
        )

    def _level(self, level_id: str) -> Organisation | Project | Key:
        kind = level_id.partition("_")[0]
        if kind == "org":
            return self._customers.organisation(level_id)
        if kind == "proj":
            return self._customers.project(level_id)
        return self._customers.key(level_id)

    def _show_level(self, level_id: str, limits: Limits) -> LevelView:
        spent = format_nano(self._ledger.spent_nano(level_id))
        return LevelView(id=level_id, limits=views.show_limits(limits), spent=spent)

    def _organisation(self, name: str | None) -> Organisation:
        return _only(self._customers.organisations(), name, "organisation")

    def _project(self, organisation: str | None, name: str | None) -> Project:
        if organisation is None and name is not None and name.startswith("proj_"):
            return self._customers.project(name)
        return _only(self._customers.projects(self._organisation(organisation).id), name, "project")

    def _projects(self, organisation: str | None) -> list[Project]:
        if organisation is None:
            owners = self._customers.organisations()
        else:
            owners = [self._organisation(organisation)]
        return [project for owner in owners for project in self._customers.projects(owner.id)]


def _named(owners: list[_Named], name: str, kind: str) -> list[_Named]:
    """Those with this id or name. Raises NotFound when there are none."""
    found = [owner for owner in owners if name in (owner.id, owner.name)]
    if not found:
        raise NotFound(f"There is no {kind} {name[:100]!r} here.", param=kind)
    return found


def _only(owners: list[_Named], name: str | None, kind: str) -> _Named:
    """The one that is named, else ``default``, else the only one there is. Never a guess."""
    if name is not None:
        return _named(owners, name, kind)[0]
    first = [owner for owner in owners if owner.name == _FIRST]
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


def _page(owners: list[_Owner], query: PageQuery) -> tuple[list[_Owner], str | None]:
    """One page in the order of ids, which is that of making, and where the next one begins."""
    rest = sorted(
        (owner for owner in owners if query.after is None or owner.id > query.after),
        key=lambda owner: owner.id,
    )
    page = rest[: query.limit]
    return page, page[-1].id if len(rest) > len(page) else None
