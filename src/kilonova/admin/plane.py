"""The control plane as a face: what an operator can ask of an installation.

The server answers it from its parts (``admin/control.py``); the command line asks either the
running server over HTTP or those same parts, opened by itself. Failures are KilonovaErrors.
"""

from typing import Protocol

from kilonova.admin.audit import AuditList, AuditProof, AuditQuery
from kilonova.admin.bookkeeping import (
    AdjustmentList,
    AdjustmentQuery,
    AdjustmentView,
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
)
from kilonova.admin.forecast import NewPlan, PlanList, PlanView
from kilonova.admin.request_detail import RequestDetail
from kilonova.admin.schema import (
    AlertList,
    AlertQuery,
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
from kilonova.admin.statements import StatementList, StatementQuery
from kilonova.admin.tariff import PriceList, PriceQuery

__all__ = ["ControlPlane"]


class ControlPlane(Protocol):
    """Parameters: the ids in the path, then the query or the body."""

    async def status(self) -> Status: ...

    async def create_organisation(self, body: NewOrganisation) -> OrganisationView: ...

    async def list_organisations(self, query: PageQuery) -> OrganisationList: ...

    async def create_project(self, body: NewProject) -> ProjectView: ...

    async def list_projects(self, query: ProjectQuery) -> ProjectList: ...

    async def create_key(self, body: NewKey) -> CreatedKey:
        """The answer holds the key's secrets, which are shown nowhere else."""

    async def list_keys(self, query: KeyQuery) -> KeyList: ...

    async def revoke_key(self, key_id: str) -> KeyView:
        """The key stops working at once. Revoking it again changes nothing."""

    async def limits(self, level: str) -> LevelView:
        """``level`` is an id, or a name that only one key, project or organisation has."""

    async def set_limits(self, level: str, body: LimitsChange) -> LevelView: ...

    async def list_alerts(self, query: AlertQuery) -> AlertList: ...

    async def list_models(self) -> ModelList: ...

    async def prices(self, query: PriceQuery) -> PriceList: ...

    async def reload_prices(self) -> PriceList:
        """Raises Conflict where the list has an error; the prices in use stay."""

    async def usage(self, query: UsageQuery) -> UsageReport: ...

    async def list_requests(self, query: RequestQuery) -> RequestList: ...

    async def request(self, request_id: str) -> RequestDetail: ...

    async def profit_and_loss(self, query: StatementQuery) -> StatementList: ...

    async def verify_ledger(self) -> Verification: ...

    async def audit(self, query: AuditQuery) -> AuditList: ...

    async def verify_audit(self) -> AuditProof: ...

    async def make_plan(self, body: NewPlan) -> PlanView: ...

    async def list_plans(self) -> PlanList: ...

    async def plan(self, plan_id: str) -> PlanView: ...

    async def adjust(self, body: NewAdjustment) -> AdjustmentView:
        """Booking it again with the same client token changes nothing."""

    async def list_adjustments(self, query: AdjustmentQuery) -> AdjustmentList: ...

    async def close_month(self, body: NewClosing) -> ClosingView:
        """Raises Conflict with what stands in the way."""

    async def list_closings(self) -> ClosingList: ...

    async def list_invoices(self, query: InvoiceListQuery) -> InvoiceList: ...

    async def invoice(self, organisation_id: str, query: InvoiceQuery) -> InvoiceView: ...

    async def export_focus(self, query: FocusQuery) -> FocusExport: ...
