"""What must add up, to the nano-unit, whatever happened: counted here from single records."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import cast

import msgspec

from kilonova.billing.closed import FrozenMonth
from kilonova.billing.cost.resource import resource_cost
from kilonova.billing.focus.export import focus_table
from kilonova.billing.invoice.document import Document, canonical, read_document
from kilonova.billing.invoice.rebuild import booked_dues, redrawn
from kilonova.billing.month import Month, parse_month
from kilonova.billing.statement.desk import month_statement
from kilonova.billing.statement.idle import IdleTerms
from kilonova.billing.statement.loaded import loaded_costs
from kilonova.billing.statement.profit_and_loss import draw_up
from kilonova.billing.statement.reading import Span, Terms, read_sheet
from kilonova.core.books import DAY_MS, LedgerView, UsageFilter
from kilonova.core.budgets import Alert, first_days, window_name
from kilonova.core.corrections import Adjustment, Closing
from kilonova.core.identity import Limits
from kilonova.core.money import NANO, parse_nano
from kilonova.core.statement import SEGMENTATIONS, IdlePolicy, Statement, StatementOrder, added
from kilonova.core.usage import UsageRecord
from kilonova.telemetry.money_metrics import MoneyMetrics

__all__ = ["Conservation"]

_POLICIES: tuple[IdlePolicy, ...] = ("proportional", "reserved", "platform")


class _Unclosed:
    """A view in which no month is closed, so that nothing is read from what was frozen."""

    def __init__(self, view: LedgerView) -> None:
        self._view = view

    def __getattr__(self, name: str) -> object:
        return getattr(self._view, name)

    def closings(self) -> list[Closing]:
        return []


class Conservation:
    """One snapshot of the books, all closed months in it."""

    def __init__(self, view: LedgerView, terms: Terms) -> None:
        self._view = view
        self._unclosed = cast(LedgerView, _Unclosed(view))
        self._terms = terms
        self.records = [booked.record for booked in view.records()]
        self.months = [parse_month(each.period) for each in view.closings()]
        self._opened_ms = min(each.finished_ms for each in self.records) // DAY_MS * DAY_MS

    def check_costs(self, reserved: dict[str, int]) -> None:
        """Σ loaded cost of requests + what no request pays = what the resources cost."""
        for month in self.months:
            span = Span(month.since_ms, month.until_ms, month.until_ms)
            spent = self._resource_costs(month)
            taken = {each.request_id: each for each in self._ended(month)}
            for policy in _POLICIES:
                terms = Terms(resources=self._terms.resources, idle=IdleTerms(policy, reserved))
                sheet = read_sheet(self._view, span, terms=terms)
                loaded: Counter[str] = Counter()
                for cost in loaded_costs(self._view, span, sheet):
                    record = taken.pop(cost.request_id) if policy == "platform" else None
                    record = record or taken[cost.request_id]
                    assert cost.direct_nano == record.cost.direct_nano
                    loaded[record.cost.resource] += cost.loaded_nano
                unpaid = sum(sheet.platform.values()) + sum(nano for *_, nano in sheet.absent)
                assert loaded.total() + unpaid == spent.total(), (month, policy)
                if policy == "proportional":
                    assert all(loaded[name] == spent[name] for name in loaded)
            assert taken == {}, "every request has a loaded cost"

    def check_busy(self, busy_ns: Counter[str], elapsed_ns: int) -> None:
        """Σ time of requests ≤ the time in which their resource worked ≤ the time that passed."""
        shared: Counter[str] = Counter()
        for record in self.records:
            shared[record.cost.resource] += record.cost.busy_ns
        for name in self._terms.resources:
            assert 0 < shared[name] <= busy_ns[name] <= elapsed_ns, name

    def check_revenue(self) -> None:
        """Σ billed + corrections = Σ invoices = P&L revenue = FOCUS, month by month."""
        for month in self.months:
            billed = sum(each.price_nano for each in self._ended(month))
            booked = self._view.adjustments(month.records())
            before_tax = billed + _owed(booked, lambda kind: kind not in ("tax", "rounding"))
            due = billed + _owed(booked, lambda _kind: True)
            invoices = self._documents(month)
            assert before_tax == sum(parse_nano(each.totals.subtotal) for each in invoices.values())
            assert due == sum(parse_nano(each.totals.due) for each in invoices.values())
            for statement in self._statements(month):
                amounts = statement.total.amounts
                assert amounts.list_nano - amounts.discount_nano == billed
                assert amounts.revenue_nano == due - _owed(booked, lambda kind: kind == "tax")
                assert amounts.cost_nano == self._resource_costs(month).total()
                parts = [each.amounts for each in statement.segments]
                assert added([*parts, statement.platform]) == amounts
            self._check_focus(month, invoices, due)

    def check_debts(self) -> None:
        """Σ receivable = Σ invoices + the month that runs."""
        receivable = sum(
            nano for name, nano in self._view.balances().items() if name.startswith("receivable:")
        )
        invoiced = sum(
            parse_nano(read_document(each.document).totals.due) for each in self._view.invoices()
        )
        since = UsageFilter(since_ms=self.months[-1].until_ms)
        running = sum(each.record.price_nano for each in self._view.ended(since))
        running += _owed(self._view.adjustments(since), lambda _kind: True)
        assert receivable == invoiced + running

    def check_metrics(self, metrics: MoneyMetrics) -> None:
        """What Prometheus reads is what the ledger holds."""
        found: Counter[str] = Counter()
        for family in metrics.collect():
            for sample in family.samples:
                found[family.name] += sample.value
        costs = [each.cost for each in self.records]
        assert found["kilonova_billed_nano"] == sum(each.price_nano for each in self.records)
        assert found["kilonova_direct_cost_nano"] == sum(each.direct_nano for each in costs)
        assert found["kilonova_marginal_cost_nano"] == sum(each.marginal_nano for each in costs)
        unknown = [each for each in costs if not each.basis]
        assert found["kilonova_cost_unknown_requests"] == len(unknown)

    def check_documents(self) -> None:
        """Every invoice and statement of a closed month can be made again, byte for byte."""
        for invoice in self._view.invoices():
            drawn = redrawn(invoice, booked_dues(self._view, invoice))
            assert canonical(drawn) == invoice.document
        for closing in self._view.closings():
            frozen = msgspec.json.decode(closing.document, type=FrozenMonth)
            draw = month_statement(self._terms)
            again = draw(self._unclosed, parse_month(closing.period), frozen.policy)
            assert again == bytes(frozen.statement)

    def check_budgets(self, limits: dict[str, Limits], alerts: Iterable[Alert]) -> None:
        """No hard budget is overspent in any of its windows, and every alert was true."""
        spent: Counter[tuple[str, str, str]] = Counter()
        for record in self.records:
            for window, name in _windows(record):
                spent[record.organisation_id, window, name] += record.price_nano
        for (owner, window, _), nano in spent.items():
            theirs = limits.get(owner, Limits())
            budgets = {
                "total": theirs.budget_nano,
                "day": theirs.budget_day_nano,
                "month": theirs.budget_month_nano,
            }
            budget = budgets[window]
            assert budget is None or window in theirs.soft_budgets or nano <= budget
        for alert in alerts:
            assert alert.spent_nano * 100 >= alert.budget_nano * alert.percent
            assert spent[alert.level_id, alert.budget, alert.window] >= alert.spent_nano

    def _ended(self, month: Month) -> Iterator[UsageRecord]:
        return (
            each for each in self.records if month.since_ms <= each.finished_ms < month.until_ms
        )

    def _resource_costs(self, month: Month) -> Counter[str]:
        marginal: Counter[str] = Counter()
        for record in self._ended(month):
            marginal[record.cost.resource] += record.cost.marginal_nano
        return Counter(
            {
                name: resource_cost(
                    resource,
                    since_ms=max(month.since_ms, self._opened_ms),
                    until_ms=month.until_ms,
                    dynamic_nano=marginal[name],
                ).total_nano
                for name, resource in self._terms.resources.items()
            }
        )

    def _documents(self, month: Month) -> dict[str, Document]:
        return {
            each.number: read_document(each.document)
            for each in self._view.invoices()
            if each.period == str(month)
        }

    def _statements(self, month: Month) -> Iterator[Statement]:
        """Those that were frozen, and one that the books give today by each policy."""
        orders = [(self._view, by, None) for by in SEGMENTATIONS]
        orders += [(self._unclosed, "organisation", policy) for policy in _POLICIES]
        for view, by, policy in orders:
            order = StatementOrder(by=by, period=str(month), idle=policy)
            now_ms = month.until_ms + DAY_MS
            (statement,) = draw_up(view, order, terms=self._terms, now_ms=now_ms)
            yield statement

    def _check_focus(self, month: Month, invoices: dict[str, Document], due: int) -> None:
        table = focus_table(self._view, month.records(), customers=[], issuer="", version="1.2")
        billed: Counter[str] = Counter()
        cost = Decimal(0)
        for row in table.rows:
            cells = dict(zip(table.columns, row, strict=True))
            billed[cells["InvoiceId"] or ""] += parse_nano(cells["BilledCost"] or "")
            cost += Decimal(cells["x_CostOfServing"] or 0)
        assert billed.total() == due
        assert {number: nano for number, nano in billed.items() if nano} == {
            number: parse_nano(each.totals.due)
            for number, each in invoices.items()
            if parse_nano(each.totals.due)
        }
        assert cost * NANO == sum(each.cost.direct_nano for each in self._ended(month))


def _owed(booked: Iterable[Adjustment], is_counted: Callable[[str], bool]) -> int:
    return sum(each.owed_nano for each in booked if is_counted(each.kind))


def _windows(record: UsageRecord) -> Iterator[tuple[str, str]]:
    day = record.started_ms // DAY_MS
    _, _, month = first_days(day)
    yield "total", ""
    yield "day", window_name("day", day)
    yield "month", window_name("month", month)
