"""The control plane over the books, with a server or without one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from kilonova import __version__
from kilonova.accounts.service import KeyOrder
from kilonova.admin.control import BudgetReading, Control, Installation, LedgerReading
from kilonova.admin.forecast import PlanDesk
from kilonova.admin.plane import ControlPlane
from kilonova.admin.schema import Verification
from kilonova.app.books import Books
from kilonova.billing.bookkeeping import open_bookkeeper
from kilonova.billing.prices.desk import PriceDesk
from kilonova.billing.statement.conservation import CONSERVED, not_conserved
from kilonova.billing.statement.desk import open_statements, plan_terms
from kilonova.billing.verify import INVARIANTS, verify
from kilonova.core.audit import OPERATOR, act_as
from kilonova.core.budgets import BudgetStanding
from kilonova.core.clock import SystemClock
from kilonova.core.identity import Level
from kilonova.core.ports import Health
from kilonova.gateway.levels import standing_reader
from kilonova.home import Home
from kilonova.offer import Offer, open_prices, plan_offer, shape_of_model
from kilonova.planner.desk import Forecaster
from kilonova.settings import Settings
from kilonova.web.health import Readiness

__all__ = ["control_of", "open_control_plane"]


def _now_ms() -> int:
    return round(SystemClock().now_s() * 1000)


def control_of(
    books: Books,
    offer: Offer,
    *,
    prices: PriceDesk,
    standing: Callable[[Level], tuple[BudgetStanding, ...]],
    readiness: Callable[[], Awaitable[Readiness]],
    live: Callable[[], frozenset[str]],
    settings: Settings,
) -> Control[KeyOrder]:
    """What ``/kn/v1`` and the command line ask. ``live`` are the requests in flight."""
    kinds = {plan.name: plan.kind for plan in offer.engines}
    statements = open_statements(settings, books.store.book, engines=kinds, clock=SystemClock())

    terms = plan_terms(settings, engines=kinds)

    def audit() -> Verification:
        book = books.store.book
        findings = verify(book, live=live)
        if not findings:
            findings = not_conserved(book, terms, now_ms=_now_ms())
        return Verification(
            is_sound=not findings,
            checks=(*INVARIANTS, *CONSERVED),
            problems=tuple(f"{finding.invariant}: {finding.detail}" for finding in findings),
        )

    return Control(
        books.accounts,
        KeyOrder,
        ledger=LedgerReading(
            book=books.store.book,
            audit=audit,
            statements=statements,
            keeper=open_bookkeeper(
                settings, books.store, books.accounts, engines=kinds, clock=books.clock
            ),
            last_day=books.store.ledger.last_day,
        ),
        budgets=BudgetReading(standing=standing, alerts=books.store.alerts),
        installation=Installation(
            version=__version__,
            started_ms=_now_ms(),
            models=offer.catalog.models,
            readiness=readiness,
            open_requests=lambda: len(live()),
            tariff=prices,
            now_ms=_now_ms,
            log=books.store.audit,
            plans=PlanDesk(Forecaster(partial(shape_of_model, offer))),
        ),
    )


@asynccontextmanager
async def open_control_plane(home: Home, settings: Settings) -> AsyncIterator[ControlPlane]:
    """The control plane of a home on which no server runs. The caller holds the home's lock."""

    async def readiness() -> Readiness:
        return Readiness(False, {"server": Health(False, "no server runs on this home")})

    offer = plan_offer(settings)
    prices = open_prices(settings, offer.catalog, home.path)
    books = await Books.open(home, settings)
    try:
        with act_as(OPERATOR):
            yield control_of(
                books,
                offer,
                prices=prices,
                standing=standing_reader(books.store.ledger, SystemClock()),
                readiness=readiness,
                live=frozenset,
                settings=settings,
            )
    finally:
        await books.close()
