"""The control plane itself: answers an operator from the parts of one installation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from kilonova.admin import views
from kilonova.admin.audit import (
    AuditList,
    AuditProof,
    AuditQuery,
    filter_of,
    prove,
    show_entries,
)
from kilonova.admin.bookkeeping import (
    AdjustmentList,
    AdjustmentQuery,
    AdjustmentView,
    Bookkeeping,
    ClosingList,
    ClosingView,
    FocusExport,
    FocusQuery,
    InvoiceList,
    InvoiceListQuery,
    InvoiceQuery,
    InvoiceView,
    NewAdjustment,
    NewClosing,
    adjustment_order,
    invoice_order,
    show_adjustment,
    show_closing,
    show_export,
    show_head,
    show_invoice,
)
from kilonova.admin.forecast import NewPlan, PlanDesk, PlanList, PlanView, UsagePeriod
from kilonova.admin.owners import FIRST, level_of, named, only, owner_of, page_of
from kilonova.admin.period import parse_span, parse_time
from kilonova.admin.ports import Customers, OrderForm
from kilonova.admin.request_detail import RequestDetail, show_detail
from kilonova.admin.schema import (
    PAGE_MAX,
    AlertList,
    AlertQuery,
    AlertView,
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
from kilonova.admin.statements import StatementList, StatementQuery, order_of, show_statements
from kilonova.admin.tariff import PriceList, PriceQuery, Tariff, reload_prices, show_prices
from kilonova.admin.usage_lines import draw_up, groupings
from kilonova.core.audit import AuditBook, Fact
from kilonova.core.books import DAY_MS, TIME_MS_MAX, LedgerBook, RecordMatch, UsageFilter
from kilonova.core.budgets import Alert, AlertBook, BudgetStanding
from kilonova.core.errors import NotFound
from kilonova.core.forecast import Traffic, traffic_of
from kilonova.core.identity import Key, Level, Limits, Organisation, Project
from kilonova.core.model import PLATFORM, Model
from kilonova.core.money import format_nano
from kilonova.core.statement import Statements
from kilonova.web.health import Readiness

__all__ = ["BudgetReading", "Control", "Installation", "LedgerReading"]

Order = TypeVar("Order")

_WEEK_MS = 7 * DAY_MS


class LedgerReading(Struct, frozen=True, kw_only=True):
    """The ledger as it is read. ``audit`` checks all of it and may take its time in a thread;
    ``last_day`` is the last day (since the epoch, UTC) on which requests of a key, project or
    organisation began, if there is any."""

    book: LedgerBook
    audit: Callable[[], Verification]
    last_day: Callable[[str], int | None] = lambda _level_id: None
    statements: Statements
    keeper: Bookkeeping


class BudgetReading(Struct, frozen=True, kw_only=True):
    """Budgets as they stand now, and what was told of them."""

    standing: Callable[[Level], tuple[BudgetStanding, ...]]
    alerts: AlertBook


class Installation(Struct, frozen=True, kw_only=True):
    """What runs here. Parts of the readiness are engines by their names, among others.

    ``now_ms`` is the time by which prices are looked up."""

    version: str
    started_ms: int
    models: tuple[Model, ...]
    readiness: Callable[[], Awaitable[Readiness]]
    open_requests: Callable[[], int]
    tariff: Tariff
    now_ms: Callable[[], int]
    plans: PlanDesk
    log: AuditBook


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
        budgets: BudgetReading,
        installation: Installation,
    ) -> None:
        self._customers = customers
        self._order = order
        self._ledger = ledger
        self._budgets = budgets
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
        await self._customers.create_project(organisation.id, FIRST, limits=Limits())
        return views.show_organisation(organisation)

    async def list_organisations(self, query: PageQuery) -> OrganisationList:
        found, after = page_of(self._customers.organisations(), query)
        return OrganisationList(data=tuple(map(views.show_organisation, found)), next=after)

    async def create_project(self, body: NewProject) -> ProjectView:
        organisation = self._organisation(body.organisation)
        limits = views.limits_of(body.limits)
        project = await self._customers.create_project(organisation.id, body.name, limits=limits)
        return views.show_project(project)

    async def list_projects(self, query: ProjectQuery) -> ProjectList:
        found, after = page_of(self._projects(query.organisation), query)
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
            projects = named(projects, query.project, "project")
        keys = [key for project in projects for key in self._customers.keys(project.id)]
        found, after = page_of(keys, query)
        return KeyList(data=tuple(self._show_key(key) for key in found), next=after)

    async def revoke_key(self, key_id: str) -> KeyView:
        return self._show_key(await self._customers.revoke_key(key_id))

    async def limits(self, level: str) -> LevelView:
        found = self._level(level)
        return self._show_level(found.id, found.limits)

    async def set_limits(self, level: str, body: LimitsChange) -> LevelView:
        level_id = self._level(level).id
        limits = await self._customers.set_limits(
            level_id, lambda standing: views.changed_limits(standing, body)
        )
        return self._show_level(level_id, limits)

    async def list_alerts(self, query: AlertQuery) -> AlertList:
        chosen = None if query.organisation is None else self._organisation(query.organisation).id
        level = query.level
        if level is not None:
            level = level_of(self._customers, level, organisation_id=chosen).id
        found: list[AlertView] = []
        owners: dict[str, str] = {}
        async for alert in self._alerts(query.after):
            if alert.level_id not in owners:
                owners[alert.level_id] = self._organisation_id(alert.level_id)
            organisation_id = owners[alert.level_id]
            if level in (None, alert.level_id) and chosen in (None, organisation_id):
                if len(found) == query.limit:
                    return AlertList(data=tuple(found), next=found[-1].id)
                found.append(views.show_alert(alert, organisation_id))
        return AlertList(data=tuple(found))

    async def list_models(self) -> ModelList:
        parts = (await self._installation.readiness()).parts
        ready = {name for name, health in parts.items() if health.is_ready}
        if "server" in ready:
            ready.add(PLATFORM)
        tariff, now_ms = self._installation.tariff, self._installation.now_ms()
        return ModelList(
            data=tuple(
                views.show_model(
                    model, tariff.current(model, now_ms), is_ready=model.engine in ready
                )
                for model in self._installation.models
            )
        )

    async def prices(self, query: PriceQuery) -> PriceList:
        here = self._installation
        at_ms = None if query.at is None else parse_time(query.at, param="at")
        return show_prices(
            here.tariff, query, models=here.models, now_ms=here.now_ms(), at_ms=at_ms
        )

    async def reload_prices(self) -> PriceList:
        here = self._installation
        await reload_prices(here.tariff)
        await here.log.append(Fact(action="prices.reloaded", subject="prices"))
        return show_prices(here.tariff, PriceQuery(), models=here.models, now_ms=here.now_ms())

    async def usage(self, query: UsageQuery) -> UsageReport:
        chosen, makers = self._chosen(query), self._makers(query)
        return await asyncio.to_thread(self._report, chosen, query, makers)

    async def list_requests(self, query: RequestQuery) -> RequestList:
        book, chosen, after = self._ledger.book, self._chosen(query), query.after or ""
        match = RecordMatch(
            model_id=query.model,
            project_id=query.project,
            key_id=query.key,
            dialect=query.dialect,
            outcome=query.outcome,
            took_ms_min=query.took_ms_min,
            price_nano_min=views.budget_nano(query.price_min, param="price_min"),
        )
        newest = query.order == "newest"
        turn_page = partial(book.page, match=match, is_newest_first=newest)
        found = await asyncio.to_thread(turn_page, chosen, after=after, limit=query.limit)
        records = [booked.record for booked in found]
        return RequestList(
            data=tuple(map(views.show_request, records)),
            next=records[-1].request_id if len(records) == query.limit else None,
        )

    async def request(self, request_id: str) -> RequestDetail:
        return await asyncio.to_thread(self._detail, request_id)

    async def profit_and_loss(self, query: StatementQuery) -> StatementList:
        draw_up, owner = self._ledger.statements.profit_and_loss, query.organisation
        order = order_of(query, None if owner is None else self._organisation(owner).id)
        names = self._names()
        # A statement by project has a thousand lines: writing them takes its time, too.
        return await asyncio.to_thread(lambda: show_statements(draw_up(order), names))

    async def verify_ledger(self) -> Verification:
        return await asyncio.to_thread(self._ledger.audit)

    async def audit(self, query: AuditQuery) -> AuditList:
        owner = query.organisation
        chosen = filter_of(query, None if owner is None else self._organisation(owner).id)
        return show_entries(self._installation.log.page(chosen), query.limit)

    async def verify_audit(self) -> AuditProof:
        return await asyncio.to_thread(prove, self._installation.log.walk())

    async def make_plan(self, body: NewPlan) -> PlanView:
        traffic = None
        if body.from_usage is not None:
            traffic = await asyncio.to_thread(self._traffic, body.from_usage)
        return await self._installation.plans.make(body, traffic)

    async def list_plans(self) -> PlanList:
        return self._installation.plans.listed()

    async def plan(self, plan_id: str) -> PlanView:
        return self._installation.plans.find(plan_id)

    async def adjust(self, body: NewAdjustment) -> AdjustmentView:
        is_told = body.organisation is None and body.kind == "refund"
        owner = "" if is_told else self._organisation(body.organisation).id
        order = adjustment_order(body, owner)
        return show_adjustment(await self._ledger.keeper.adjust(order))

    async def list_adjustments(self, query: AdjustmentQuery) -> AdjustmentList:
        found = await self._ledger.keeper.adjustments(self._chosen(query))
        return AdjustmentList(data=tuple(map(show_adjustment, found)))

    async def close_month(self, body: NewClosing) -> ClosingView:
        return show_closing(await self._ledger.keeper.close_month(body.period, policy=body.idle))

    async def list_closings(self) -> ClosingList:
        return ClosingList(data=tuple(map(show_closing, await self._ledger.keeper.closings())))

    async def list_invoices(self, query: InvoiceListQuery) -> InvoiceList:
        owner = query.organisation
        chosen = None if owner is None else self._organisation(owner).id
        found = await self._ledger.keeper.invoices(chosen)
        return InvoiceList(data=tuple(map(show_head, found)))

    async def invoice(self, organisation_id: str, query: InvoiceQuery) -> InvoiceView:
        order = invoice_order(query, self._organisation(organisation_id).id)
        return show_invoice(await self._ledger.keeper.invoice(order))

    async def export_focus(self, query: FocusQuery) -> FocusExport:
        keeper = self._ledger.keeper
        return show_export(await keeper.focus(self._chosen(query), version=query.version))

    def _report(
        self, chosen: UsageFilter, query: UsageQuery, makers: dict[str, str]
    ) -> UsageReport:
        with self._ledger.book.snapshot() as view:
            sums = view.usage(chosen, groupings(query))
        return draw_up(query, sums, member_of=lambda key_id: makers.get(key_id, ""))

    def _detail(self, request_id: str) -> RequestDetail:
        with self._ledger.book.snapshot() as view:
            booked = view.record(request_id)
            if booked is None:
                raise NotFound(f"There is no settled request {request_id[:60]!r} here.")
            return show_detail(booked, view.entries_of(request_id))

    def _makers(self, query: UsageQuery) -> dict[str, str]:
        """Who made which key, where that is asked for."""
        if query.group_by != "member" and query.member is None:
            return {}
        owners = self._projects(query.organisation)
        keys = [key for project in owners for key in self._customers.keys(project.id)]
        return {key.id: key.made_by or "" for key in keys}

    def _traffic(self, period: UsagePeriod) -> Traffic:
        """What was metered, from the first record of the period on."""
        asked, now_ms = self._chosen(period), self._installation.now_ms()
        since_ms = now_ms - _WEEK_MS if period.from_ is None else asked.since_ms
        until_ms = min(asked.until_ms, now_ms)
        with self._ledger.book.snapshot() as view:
            chosen = replace(asked, since_ms=since_ms, until_ms=until_ms)
            sums = view.usage(chosen, ("hour", "model"))
            first_ms = view.first_finished_ms()
        if period.model is not None:
            sums = [each for each in sums if each.group[1] == period.model]
        since_ms = max(since_ms, first_ms or 0)
        return traffic_of(sums, since_ms=since_ms, until_ms=until_ms)

    def _chosen(
        self, query: UsageQuery | RequestQuery | AdjustmentQuery | FocusQuery | UsagePeriod
    ) -> UsageFilter:
        organisation = query.organisation
        since_ms, until_ms = parse_span(query.from_, query.to, end_ms=TIME_MS_MAX)
        return UsageFilter(
            organisation_id=None if organisation is None else self._organisation(organisation).id,
            since_ms=since_ms,
            until_ms=until_ms,
        )

    def _names(self) -> dict[str, str]:
        names = {owner.id: owner.name for owner in self._customers.organisations()}
        return names | {project.id: project.name for project in self._projects(None)}

    def _show_key(self, key: Key) -> KeyView:
        return views.show_key(key, last_day=self._ledger.last_day(key.id))

    def _level(self, level: str) -> Organisation | Project | Key:
        return level_of(self._customers, level)

    def _show_level(self, level_id: str, limits: Limits) -> LevelView:
        standing = self._budgets.standing(Level(level_id, limits))
        return LevelView(
            id=level_id,
            limits=views.show_limits(limits),
            spent=format_nano(standing[0].spent_nano),
            budgets=tuple(map(views.show_budget, standing)),
        )

    async def _alerts(self, after: str | None) -> AsyncIterator[Alert]:
        """All of them in order, from behind the one of this id. Requests run between pages."""
        last = None if after is None else self._budgets.alerts.find(after)
        if after is not None and last is None:
            raise NotFound(f"There is no alert {after[:100]!r} here.", param="after")
        while page := self._budgets.alerts.page(after=last, limit=PAGE_MAX):
            for alert in page:
                yield alert
            last = page[-1]
            await asyncio.sleep(0)

    def _organisation_id(self, level_id: str) -> str:
        return owner_of(self._level(level_id))

    def _organisation(self, name: str | None) -> Organisation:
        return only(self._customers.organisations(), name, "organisation")

    def _project(self, organisation: str | None, name: str | None) -> Project:
        if organisation is None and name is not None and name.startswith("proj_"):
            return self._customers.project(name)
        return only(self._customers.projects(self._organisation(organisation).id), name, "project")

    def _projects(self, organisation: str | None) -> list[Project]:
        if organisation is None:
            owners = self._customers.organisations()
        else:
            owners = [self._organisation(organisation)]
        return [project for owner in owners for project in self._customers.projects(owner.id)]
