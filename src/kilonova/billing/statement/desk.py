"""Puts settings, resources and books together into the statements of an installation."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from msgspec.structs import replace

from kilonova.billing.cost.plan import plan_resources
from kilonova.billing.month import Month
from kilonova.billing.statement.frozen import FrozenCosts, freeze
from kilonova.billing.statement.idle import WHOLE, IdleTerms, checked_terms
from kilonova.billing.statement.profit_and_loss import ProfitAndLoss, draw_up
from kilonova.billing.statement.reading import Span, Terms, read_sheet
from kilonova.core.books import LedgerBook, LedgerView
from kilonova.core.clock import Clock
from kilonova.core.errors import InvalidRequest
from kilonova.core.statement import (
    IDLE_POLICIES,
    SEGMENTATIONS,
    IdlePolicy,
    Segmentation,
    Statement,
    StatementOrder,
)
from kilonova.settings import Settings, SettingsError, StatementSettings

__all__ = ["month_statement", "open_statements", "plan_terms"]


def open_statements(
    settings: Settings, book: LedgerBook, *, engines: Mapping[str, str], clock: Clock
) -> ProfitAndLoss:
    """``engines`` gives the kind of each. Raises SettingsError."""
    return ProfitAndLoss(book, clock, plan_terms(settings, engines=engines))


def plan_terms(settings: Settings, *, engines: Mapping[str, str]) -> Terms:
    """What resources there are, and who pays for idle time. Raises SettingsError."""
    planned = plan_resources(settings.resources, engines=engines, currency=settings.prices.currency)
    return Terms(resources=planned.by_name, idle=_idle(settings.statements))


def month_statement(terms: Terms) -> Callable[[LedgerView, Month, str], bytes]:
    """What a closed month keeps: its statements by every segmentation, as JSON."""

    def draw(view: LedgerView, month: Month, policy: str) -> bytes:
        idle = _policy(policy)
        found: dict[Segmentation, tuple[Statement, ...]] = {}
        for by in SEGMENTATIONS:
            order = StatementOrder(by=by, period=str(month), idle=idle)
            found[by] = draw_up(view, order, terms=terms, now_ms=month.until_ms)
        span = Span(month.since_ms, month.until_ms, month.until_ms)
        policy_terms = replace(terms, idle=replace(terms.idle, policy=idle))
        sheet = read_sheet(view, span, terms=policy_terms)
        drawn_from = FrozenCosts(costs=tuple(sheet.costs.values()), idle=policy_terms.idle)
        return freeze(found, drawn_from)

    return draw


def _policy(name: str) -> IdlePolicy:
    found = next((policy for policy in IDLE_POLICIES if policy == name), None)
    if found is None:
        raise InvalidRequest(
            f"idle: {name[:40]!r} is none of {', '.join(IDLE_POLICIES)}.", param="idle"
        )
    return found


def _idle(settings: StatementSettings) -> IdleTerms:
    reserved = {}
    for owner, text in settings.reserved.items():
        where = f"statements.reserved.{owner}"
        if not owner.startswith("org_"):
            raise SettingsError(f"{where}: name an organisation by its id (org_…)")
        reserved[owner] = _millionths(text, where)
    try:
        return checked_terms(settings.idle, reserved)
    except ValueError as error:
        raise SettingsError(f"statements.reserved: {error}") from None


def _millionths(text: str, where: str) -> int:
    try:
        share = Decimal(text) * WHOLE
    except InvalidOperation:
        raise SettingsError(f"{where}: {text!r} is not a share such as '0.25'") from None
    if not share.is_finite() or share != share.to_integral_value():
        raise SettingsError(f"{where}: {text!r} is finer than a millionth")
    return int(share)
