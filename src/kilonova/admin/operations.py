"""The admin API as one table. The server routes by it, the OpenAPI document is written from it,
and the command line calls through it, so the three cannot drift apart.
"""

from typing import Generic, Literal, TypeVar

from msgspec import Struct

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
from kilonova.core.members import Role

__all__ = ["OPENAPI_PATH", "OPERATIONS", "Operation"]

Answer_co = TypeVar("Answer_co", bound=Struct, covariant=True)

OPENAPI_PATH = "/kn/v1/openapi.json"


class Operation(Struct, Generic[Answer_co], frozen=True, kw_only=True):
    """``path`` holds ``{id}`` where an id goes; at most one of ``query`` and ``body`` is read.

    ``role`` is the least that a member must have, None opens it to the operator alone. A member's
    reach ends at the own organisation: by the field ``organisation``, by the owner of the id, which
    must be of one of ``kinds``, or because the answer ``is_common`` to all organisations. A body is
    at most ``body_bytes_max`` long.
    """

    name: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    summary: str
    answer: type[Answer_co]
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    status: int = 200
    role: Role | None = None
    kinds: tuple[str, ...] = ()
    is_common: bool = False
    body_bytes_max: int = 65_536


STATUS = Operation(
    name="status", method="GET", path="/kn/v1/status",
    summary="Version, readiness and engines of this installation.", answer=Status,
)  # fmt: skip
CREATE_ORGANISATION = Operation(
    name="create_organisation", method="POST", path="/kn/v1/organisations", status=201,
    summary="Make an organisation: a customer that pays, with a first project of its own.",
    body=NewOrganisation, answer=OrganisationView,
)  # fmt: skip
LIST_ORGANISATIONS = Operation(
    name="list_organisations", method="GET", path="/kn/v1/organisations",
    summary="All organisations, oldest first.", query=PageQuery, answer=OrganisationList,
)  # fmt: skip
CREATE_PROJECT = Operation(
    name="create_project", method="POST", path="/kn/v1/projects", status=201,
    summary="Make a project inside an organisation.", body=NewProject, answer=ProjectView,
    role="admin",
)  # fmt: skip
LIST_PROJECTS = Operation(
    name="list_projects", method="GET", path="/kn/v1/projects",
    summary="Projects, oldest first, of one organisation or of all.",
    query=ProjectQuery, answer=ProjectList,
    role="viewer",
)  # fmt: skip
CREATE_KEY = Operation(
    name="create_key", method="POST", path="/kn/v1/keys", status=201,
    summary="Make a key. Its secrets are in this answer and nowhere else.",
    body=NewKey, answer=CreatedKey,
    role="developer",
)  # fmt: skip
LIST_KEYS = Operation(
    name="list_keys", method="GET", path="/kn/v1/keys",
    summary="Keys, oldest first, revoked ones included.", query=KeyQuery, answer=KeyList,
    role="viewer",
)  # fmt: skip
REVOKE_KEY = Operation(
    name="revoke_key", method="DELETE", path="/kn/v1/keys/{id}",
    summary="Revoke a key: it stops working at once. Doing it again changes nothing.",
    answer=KeyView,
    role="developer", kinds=("key",),
)  # fmt: skip
LIMITS = Operation(
    name="limits", method="GET", path="/kn/v1/limits/{id}",
    summary="Limits and spending of a key, project or organisation.", answer=LevelView,
    role="viewer", kinds=("key", "proj", "org"),
)  # fmt: skip
SET_LIMITS = Operation(
    name="set_limits", method="PATCH", path="/kn/v1/limits/{id}",
    summary="Change limits of a key, project or organisation, at once.",
    body=LimitsChange, answer=LevelView,
    role="admin", kinds=("key", "proj"),
)  # fmt: skip
LIST_ALERTS = Operation(
    name="list_alerts", method="GET", path="/kn/v1/alerts",
    summary="Budgets that reached 50, 80 or 100 percent, once for each window.",
    query=AlertQuery, answer=AlertList,
    role="viewer",
)  # fmt: skip
LIST_MODELS = Operation(
    name="list_models", method="GET", path="/kn/v1/models",
    summary="The models on offer, with abilities, context and price.", answer=ModelList,
    role="viewer", is_common=True,
)  # fmt: skip
USAGE = Operation(
    name="usage", method="GET", path="/kn/v1/usage",
    summary="Requests, tokens and money, grouped.", query=UsageQuery, answer=UsageReport,
    role="viewer",
)  # fmt: skip
LIST_REQUESTS = Operation(
    name="list_requests", method="GET", path="/kn/v1/requests",
    summary="Settled requests, in the order in which they began or the other way round.",
    query=RequestQuery, answer=RequestList,
    role="viewer",
)  # fmt: skip
REQUEST = Operation(
    name="request", method="GET", path="/kn/v1/requests/{id}",
    summary="One settled request: its record, its price line by line, and its ledger entries.",
    answer=RequestDetail,
    role="viewer", kinds=("req",),
)  # fmt: skip
PROFIT_AND_LOSS = Operation(
    name="profit_and_loss", method="GET", path="/kn/v1/statements/pnl",
    summary="Profit and loss by model, engine, organisation or project.",
    query=StatementQuery, answer=StatementList,
    role="owner",
)  # fmt: skip
VERIFY_LEDGER = Operation(
    name="verify_ledger", method="GET", path="/kn/v1/ledger/verify",
    summary="Check every invariant of the ledger.", answer=Verification,
)  # fmt: skip
AUDIT = Operation(
    name="audit", method="GET", path="/kn/v1/audit",
    summary="Who did what to which, the latest first.", query=AuditQuery, answer=AuditList,
    role="admin",
)  # fmt: skip
VERIFY_AUDIT = Operation(
    name="verify_audit", method="GET", path="/kn/v1/audit/verify",
    summary="Check that no entry of the audit log was changed or taken out.", answer=AuditProof,
)  # fmt: skip
PRICES = Operation(
    name="prices", method="GET", path="/kn/v1/prices",
    summary="The price book: every line of it, or those of a model, a tier, a moment, a length.",
    query=PriceQuery, answer=PriceList,
    role="viewer", is_common=True,
)  # fmt: skip
RELOAD_PRICES = Operation(
    name="reload_prices", method="POST", path="/kn/v1/prices/reload",
    summary="Take up the price list as it is now; one with an error changes nothing.",
    answer=PriceList,
)  # fmt: skip
MAKE_PLAN = Operation(
    name="make_plan", method="POST", path="/kn/v1/plans", status=201,
    summary="Plan machines, power, capital and cost for a workload, or for what was metered.",
    body=NewPlan, answer=PlanView,
)  # fmt: skip
LIST_PLANS = Operation(
    name="list_plans", method="GET", path="/kn/v1/plans",
    summary="The plans that were made since the start, newest first.", answer=PlanList,
)  # fmt: skip
PLAN = Operation(
    name="plan", method="GET", path="/kn/v1/plans/{id}",
    summary="One of these plans.", answer=PlanView,
)  # fmt: skip

ADJUST = Operation(
    name="adjust", method="POST", path="/kn/v1/adjustments", status=201,
    summary="Book a refund, a credit, a monthly allowance or a correction: a new entry, no edit.",
    body=NewAdjustment, answer=AdjustmentView,
)  # fmt: skip
LIST_ADJUSTMENTS = Operation(
    name="list_adjustments", method="GET", path="/kn/v1/adjustments",
    summary="What was booked without a request, in its order.",
    query=AdjustmentQuery, answer=AdjustmentList,
    role="admin",
)  # fmt: skip
CLOSE_MONTH = Operation(
    name="close_month", method="POST", path="/kn/v1/closings", status=201,
    summary="Close a month for good: its statement and invoices are drawn up and frozen.",
    body=NewClosing, answer=ClosingView,
)  # fmt: skip
LIST_CLOSINGS = Operation(
    name="list_closings", method="GET", path="/kn/v1/closings",
    summary="The closed months with what was frozen, oldest first.", answer=ClosingList,
)  # fmt: skip
LIST_INVOICES = Operation(
    name="list_invoices", method="GET", path="/kn/v1/invoices",
    summary="Invoices of closed months, oldest first.",
    query=InvoiceListQuery, answer=InvoiceList,
    role="admin",
)  # fmt: skip
INVOICE = Operation(
    name="invoice", method="GET", path="/kn/v1/invoices/{id}",
    summary="An organisation's invoice of a month, or a draft while the month is open.",
    query=InvoiceQuery, answer=InvoiceView,
    role="admin", kinds=("org",),
)  # fmt: skip
EXPORT_FOCUS = Operation(
    name="export_focus", method="GET", path="/kn/v1/exports/focus",
    summary="Charges, credits and taxes as rows of FOCUS, with what serving them cost.",
    query=FocusQuery, answer=FocusExport,
)  # fmt: skip

OPERATIONS: tuple[Operation[Struct], ...] = (
    STATUS,
    CREATE_ORGANISATION,
    LIST_ORGANISATIONS,
    CREATE_PROJECT,
    LIST_PROJECTS,
    CREATE_KEY,
    LIST_KEYS,
    REVOKE_KEY,
    LIMITS,
    SET_LIMITS,
    LIST_ALERTS,
    LIST_MODELS,
    PRICES,
    RELOAD_PRICES,
    USAGE,
    LIST_REQUESTS,
    REQUEST,
    PROFIT_AND_LOSS,
    VERIFY_LEDGER,
    AUDIT,
    VERIFY_AUDIT,
    MAKE_PLAN,
    LIST_PLANS,
    PLAN,
    ADJUST,
    LIST_ADJUSTMENTS,
    CLOSE_MONTH,
    LIST_CLOSINGS,
    LIST_INVOICES,
    INVOICE,
    EXPORT_FOCUS,
)
