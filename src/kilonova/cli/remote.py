"""The control plane of a running server, over its admin API."""

import http.client
from contextlib import closing
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from kilonova.admin import operations
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
from kilonova.admin.operations import Operation
from kilonova.admin.request_detail import RequestDetail
from kilonova.admin.schema import (
    AlertList,
    AlertQuery,
    CreatedKey,
    Failure,
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
from kilonova.cli.exits import UNREACHABLE, CommandError
from kilonova.cli.link import open_link
from kilonova.core.errors import LEAVES, ContextTooLong, Internal
from kilonova.home import ServerNote

__all__ = ["RemotePlane"]

Answer = TypeVar("Answer", bound=Struct)

_TIMEOUT_S = 60.0
_ERRORS = {leaf.code: leaf for leaf in LEAVES if leaf is not ContextTooLong}


class RemotePlane:
    """A ``ControlPlane``. One connection a question: a command asks one or two."""

    def __init__(self, note: ServerNote, token: str) -> None:
        self._note = note
        self._token = token

    async def status(self) -> Status:
        return self._ask(operations.STATUS)

    async def create_organisation(self, body: NewOrganisation) -> OrganisationView:
        return self._ask(operations.CREATE_ORGANISATION, argument=body)

    async def list_organisations(self, query: PageQuery) -> OrganisationList:
        return self._ask(operations.LIST_ORGANISATIONS, argument=query)

    async def create_project(self, body: NewProject) -> ProjectView:
        return self._ask(operations.CREATE_PROJECT, argument=body)

    async def list_projects(self, query: ProjectQuery) -> ProjectList:
        return self._ask(operations.LIST_PROJECTS, argument=query)

    async def create_key(self, body: NewKey) -> CreatedKey:
        return self._ask(operations.CREATE_KEY, argument=body)

    async def list_keys(self, query: KeyQuery) -> KeyList:
        return self._ask(operations.LIST_KEYS, argument=query)

    async def revoke_key(self, key_id: str) -> KeyView:
        return self._ask(operations.REVOKE_KEY, key_id)

    async def limits(self, level_id: str) -> LevelView:
        return self._ask(operations.LIMITS, level_id)

    async def set_limits(self, level_id: str, body: LimitsChange) -> LevelView:
        return self._ask(operations.SET_LIMITS, level_id, argument=body)

    async def list_alerts(self, query: AlertQuery) -> AlertList:
        return self._ask(operations.LIST_ALERTS, argument=query)

    async def list_models(self) -> ModelList:
        return self._ask(operations.LIST_MODELS)

    async def prices(self, query: PriceQuery) -> PriceList:
        return self._ask(operations.PRICES, argument=query)

    async def reload_prices(self) -> PriceList:
        return self._ask(operations.RELOAD_PRICES)

    async def usage(self, query: UsageQuery) -> UsageReport:
        return self._ask(operations.USAGE, argument=query)

    async def list_requests(self, query: RequestQuery) -> RequestList:
        return self._ask(operations.LIST_REQUESTS, argument=query)

    async def request(self, request_id: str) -> RequestDetail:
        return self._ask(operations.REQUEST, request_id)

    async def profit_and_loss(self, query: StatementQuery) -> StatementList:
        return self._ask(operations.PROFIT_AND_LOSS, argument=query)

    async def verify_ledger(self) -> Verification:
        return self._ask(operations.VERIFY_LEDGER)

    async def audit(self, query: AuditQuery) -> AuditList:
        return self._ask(operations.AUDIT, argument=query)

    async def verify_audit(self) -> AuditProof:
        return self._ask(operations.VERIFY_AUDIT)

    async def make_plan(self, body: NewPlan) -> PlanView:
        return self._ask(operations.MAKE_PLAN, argument=body)

    async def list_plans(self) -> PlanList:
        return self._ask(operations.LIST_PLANS)

    async def plan(self, plan_id: str) -> PlanView:
        return self._ask(operations.PLAN, plan_id)

    async def adjust(self, body: NewAdjustment) -> AdjustmentView:
        return self._ask(operations.ADJUST, argument=body)

    async def list_adjustments(self, query: AdjustmentQuery) -> AdjustmentList:
        return self._ask(operations.LIST_ADJUSTMENTS, argument=query)

    async def close_month(self, body: NewClosing) -> ClosingView:
        return self._ask(operations.CLOSE_MONTH, argument=body)

    async def list_closings(self) -> ClosingList:
        return self._ask(operations.LIST_CLOSINGS)

    async def list_invoices(self, query: InvoiceListQuery) -> InvoiceList:
        return self._ask(operations.LIST_INVOICES, argument=query)

    async def invoice(self, organisation_id: str, query: InvoiceQuery) -> InvoiceView:
        return self._ask(operations.INVOICE, organisation_id, argument=query)

    async def export_focus(self, query: FocusQuery) -> FocusExport:
        return self._ask(operations.EXPORT_FOCUS, argument=query)

    def _ask(
        self, operation: Operation[Answer], *ids: str, argument: Struct | None = None
    ) -> Answer:
        path = _path(operation, ids)
        body = b""
        if operation.body is not None:
            body = msgspec.json.encode(argument)
        elif argument is not None:
            path += "?" + urlencode(_query(argument))
        status, content = self._send(operation.method, path, body)
        if status != operation.status:
            raise _failure(status, content)
        return msgspec.json.decode(content, type=operation.answer)

    def _send(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        try:
            with closing(open_link(self._note, timeout_s=_TIMEOUT_S)) as link:
                link.request(method, path, body, headers)
                response = link.getresponse()
                return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise CommandError(
                f"The server at {self._note.url} does not answer: {error}.", code=UNREACHABLE
            ) from None


def _path(operation: Operation[Struct], ids: tuple[str, ...]) -> str:
    path = operation.path
    for each in ids:
        path = path.replace("{id}", quote(each, safe=""), 1)
    return path


def _query(argument: Struct) -> dict[str, str]:
    values: dict[str, object] = msgspec.to_builtins(argument)
    return {name: str(value) for name, value in values.items() if value is not None}


def _failure(status: int, content: bytes) -> Exception:
    try:
        error = msgspec.json.decode(content, type=Failure).error
    except msgspec.MsgspecError:
        return CommandError(f"The server answered {status}, and not in Kilonova's own form.")
    kind = _ERRORS.get(error.code, Internal)
    return kind(error.message, param=error.param, reason=error.reason)
