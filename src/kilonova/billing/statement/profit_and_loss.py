"""The profit-and-loss statement of a period, drawn up from the books."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from kilonova.billing.statement.frozen import frozen_costs, frozen_statements
from kilonova.billing.statement.moments import day_moments, hour_moments
from kilonova.billing.statement.period import Period, period_between, period_named
from kilonova.billing.statement.reading import Span, Terms, opened_ms, read_billed, read_sheet
from kilonova.billing.statement.sheet import Sheet
from kilonova.core.books import DAY_MS, LedgerBook, LedgerView
from kilonova.core.clock import Clock
from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.statement import Amounts, Segment, Segmentation, Statement, StatementOrder, added
from kilonova.core.tally import HOUR_MS

__all__ = ["ProfitAndLoss", "draw_up", "statements_of"]

_Segments = dict[str, Amounts]


class ProfitAndLoss:
    """Implements ``core.statement.Statements`` over the books of an installation."""

    def __init__(self, book: LedgerBook, clock: Clock, terms: Terms) -> None:
        self._book = book
        self._clock = clock
        self._terms = terms

    def profit_and_loss(self, order: StatementOrder) -> tuple[Statement, ...]:
        now_ms = round(self._clock.now_s() * 1000)
        with self._book.snapshot() as view:
            return draw_up(view, order, terms=self._terms, now_ms=now_ms)


def draw_up(
    view: LedgerView, order: StatementOrder, *, terms: Terms, now_ms: int
) -> tuple[Statement, ...]:
    """One statement for each currency. Raises InvalidRequest and NotFound."""
    period = _period(order, now_ms)
    if period.since_ms > now_ms:
        raise InvalidRequest(f"{period.name} has not begun.", param="period")
    if order.idle is not None:
        terms = replace(terms, idle=replace(terms.idle, policy=order.idle))
    span = Span(period.since_ms, period.until_ms, min(period.until_ms, now_ms))
    if order.organisation_id is not None and order.has_moments:
        raise InvalidRequest(
            "The pictures are of the whole installation, not of one organisation.",
            param="pictures",
        )
    # What is frozen is of all organisations; one alone is drawn up each time, from frozen costs.
    if order.organisation_id is None:
        statements = frozen_statements(view, order, period.name)
    else:
        statements = None
    if statements is None:
        statements = _drawn_up(view, order, period, span=span, terms=terms)
    statements = _chosen(statements, order.currency, period.name)
    if not order.has_moments:
        return statements
    billed = read_billed(view, span)
    return tuple(
        replace(
            each,
            days=day_moments(view, span, terms=terms, currency=each.currency, billed=billed),
            hours=hour_moments(view, span, currency=each.currency),
        )
        for each in statements
    )


def _drawn_up(
    view: LedgerView, order: StatementOrder, period: Period, *, span: Span, terms: Terms
) -> tuple[Statement, ...]:
    frozen = frozen_costs(view, order, period.name)
    if frozen is None:
        sheet = read_sheet(view, span, terms=terms)
    else:
        terms = replace(terms, idle=frozen.idle)
        sheet = read_sheet(view, span, terms=terms, kept=frozen.costs)
    compared = period.before(), period.year_before()
    earlier = [_earlier(view, each, span, terms=terms) for each in compared]
    if order.organisation_id is not None:
        sheet = sheet.of(order.organisation_id)
        earlier = [each and each.of(order.organisation_id) for each in earlier]
    head = Statement(
        currency="",
        by=order.by,
        period=period.name,
        since_ms=span.since_ms,
        costed_from_ms=min(max(span.since_ms, opened_ms(view) or 0), span.costed_ms),
        until_ms=span.costed_ms,
        is_running=span.costed_ms < span.until_ms,
        idle=terms.idle.policy,
        year=_year(view, period, span),
    )
    return statements_of(sheet, head, earlier)


def _chosen(
    statements: tuple[Statement, ...], currency: str | None, period: str
) -> tuple[Statement, ...]:
    found = tuple(each for each in statements if currency in (None, each.currency))
    if found or currency is None:
        return found
    there = ", ".join(each.currency for each in statements) or "nothing"
    raise NotFound(
        f"Nothing of {period} is in {currency[:12]!r}; there is {there}.", param="currency"
    )


def statements_of(
    sheet: Sheet, head: Statement, earlier: Sequence[Sheet | None]
) -> tuple[Statement, ...]:
    """A statement for each currency of a sheet; ``head`` says what they have in common.

    ``earlier`` are the sheets of the period before and of the year before, where there are any.
    """
    return tuple(_statement(sheet, head, earlier, currency=each) for each in sheet.currencies)


def _statement(
    sheet: Sheet, head: Statement, earlier: Sequence[Sheet | None], *, currency: str
) -> Statement:
    now = _segments(sheet, head.by, currency)
    then = [None if each is None else _segments(each, head.by, currency) for each in earlier]
    platform = Amounts(platform_nano=sheet.platform.get(currency, 0))
    names = now.keys() | {name for each in then if each is not None for name in each}
    lines = [
        Segment(
            id=name,
            amounts=now.get(name, Amounts()),
            before=_of(then[0], name),
            year_before=_of(then[1], name),
        )
        for name in names
    ]
    lines.sort(key=lambda line: (not line.id, -line.amounts.revenue_nano, line.id))
    wholes = [_whole(each, currency) for each in earlier]
    bases: dict[str, int] = defaultdict(int)
    for cell in sheet.cells:
        bases[cell.basis] += cell.usage.requests
    return replace(
        head,
        currency=currency,
        segments=tuple(lines),
        platform=platform,
        total=Segment(
            id="",
            amounts=added([*(line.amounts for line in lines), platform]),
            before=wholes[0],
            year_before=wholes[1],
        ),
        resources=tuple(sheet.resources.get(currency, ())),
        bases=dict(sorted(bases.items())),
    )


def _segments(sheet: Sheet, by: Segmentation, currency: str) -> _Segments:
    apart: dict[str, list[Amounts]] = defaultdict(list)
    for spot, amounts in sheet.amounts(currency):
        apart[getattr(spot, by)].append(amounts)
    return {name: added(amounts) for name, amounts in apart.items()}


def _whole(sheet: Sheet | None, currency: str) -> Amounts | None:
    if sheet is None:
        return None
    platform = Amounts(platform_nano=sheet.platform.get(currency, 0))
    return added([*(amounts for _, amounts in sheet.amounts(currency)), platform])


def _of(segments: _Segments | None, name: str) -> Amounts | None:
    return None if segments is None else segments.get(name, Amounts())


def _period(order: StatementOrder, now_ms: int) -> Period:
    if order.first is not None or order.end is not None:
        if order.period is not None or order.first is None or order.end is None:
            raise InvalidRequest(
                "Name a period, or both its first day (from) and the day after its last (to).",
                param="period",
            )
        return period_between(order.first, order.end)
    if order.period is not None:
        return period_named(order.period)
    return period_named(datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m"))


def _earlier(view: LedgerView, period: Period, span: Span, *, terms: Terms) -> Sheet | None:
    """As much of an earlier period as there is of this one; None where the books do not reach."""
    opened = opened_ms(view)
    if opened is None or period.until_ms <= opened:
        return None
    until_ms = period.until_ms
    if span.costed_ms < span.until_ms:
        # Whole hours, which need no reading of single records.
        elapsed_ms = (span.costed_ms - span.since_ms) // HOUR_MS * HOUR_MS
        until_ms = min(until_ms, period.since_ms + elapsed_ms)
    return read_sheet(view, Span(period.since_ms, until_ms, until_ms), terms=terms)


def _year(view: LedgerView, period: Period, span: Span) -> tuple[int, int]:
    """Of a period that is not over, as many as the time since it began, or since the books did."""
    if span.costed_ms >= span.until_ms:
        return period.year
    began_ms = max(span.since_ms, opened_ms(view) or 0)
    return 365 * DAY_MS, max(span.costed_ms - began_ms, 1)
