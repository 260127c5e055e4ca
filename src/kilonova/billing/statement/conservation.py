"""Conservation, on live books: costs and revenue of the time since the last closing, added up
twice, once for single requests and once for what statements say.

    Σ loaded cost of requests + what no request pays = what the resources cost
    Σ price of requests = list revenue − discounts

A closed month was held to the same before it was frozen.
"""

from collections import Counter
from collections.abc import Iterator

from kilonova.billing.month import parse_month
from kilonova.billing.statement.loaded import loaded_costs
from kilonova.billing.statement.reading import Span, Terms, opened_ms, read_sheet, resource_costs
from kilonova.billing.statement.sheet import Sheet
from kilonova.billing.verify import Finding
from kilonova.core.books import DAY_MS, LedgerBook, LedgerView

__all__ = ["CONSERVED", "not_conserved"]

CONSERVED = ("costs_are_conserved", "revenue_is_conserved")

_Place = tuple[str, str]


def not_conserved(book: LedgerBook, terms: Terms, *, now_ms: int) -> list[Finding]:
    """What does not add up. It reads every request of the span: run it in a thread."""
    with book.snapshot() as view:
        opened = opened_ms(view)
        if opened is None:
            return []
        closed = [parse_month(each.period).until_ms for each in view.closings()]
        since_ms = max([opened, *closed])
        end_ms = max(now_ms // DAY_MS * DAY_MS + DAY_MS, since_ms)
        span = Span(since_ms, end_ms, min(max(now_ms, since_ms), end_ms))
        sheet = read_sheet(view, span, terms=terms)
        return [
            *_costs(view, span, sheet, spent=_spent(view, span, terms)),
            *_revenue(view, span, sheet),
        ]


def _costs(view: LedgerView, span: Span, sheet: Sheet, *, spent: Counter[str]) -> Iterator[Finding]:
    paid: Counter[str] = Counter(sheet.platform)
    for _, currency, nano in sheet.absent:
        paid[currency] += nano
    for cost in loaded_costs(view, span, sheet):
        paid[cost.currency] += cost.loaded_nano
    for currency in sorted(paid.keys() | spent.keys()):
        if paid[currency] != spent[currency]:
            yield Finding(
                "costs_are_conserved",
                f"{currency or 'no currency'}: requests and platform pay {paid[currency]}, "
                f"resources cost {spent[currency]}",
            )


def _spent(view: LedgerView, span: Span, terms: Terms) -> Counter[str]:
    """By currency. A resource that is not known any more cost what its requests took."""
    dynamic: Counter[_Place] = Counter()
    direct: Counter[_Place] = Counter()
    for booked in view.ended(span.chosen):
        cost = booked.record.cost
        dynamic[cost.resource, cost.currency] += cost.marginal_nano
        direct[cost.resource, cost.currency] += cost.direct_nano
    spent: Counter[str] = Counter()
    for known in resource_costs(terms, span, opened=opened_ms(view))(dynamic):
        spent[known.currency] += known.total_nano
        direct.pop((known.resource, known.currency), None)
    for (_, currency), nano in direct.items():
        spent[currency] += nano
    return spent


def _revenue(view: LedgerView, span: Span, sheet: Sheet) -> Iterator[Finding]:
    billed: Counter[str] = Counter()
    for booked in view.ended(span.chosen):
        billed[booked.record.currency] += booked.record.price_nano
    stated: Counter[str] = Counter()
    for cell in sheet.cells:
        stated[cell.usage.currency] += cell.usage.list_nano - cell.usage.discount_nano
    for currency in sorted(billed.keys() | stated.keys()):
        if billed[currency] != stated[currency]:
            yield Finding(
                "revenue_is_conserved",
                f"{currency}: requests were charged {billed[currency]}, statements say "
                f"{stated[currency]}",
            )
