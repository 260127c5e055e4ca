"""Reads a span of the ledger as a table of FOCUS rows."""

from collections.abc import Iterator, Sequence

from kilonova.billing.focus.columns import COLUMNS, check_version
from kilonova.billing.focus.rows import Account, Row, adjustment_rows, cells, charge_rows
from kilonova.billing.invoice.stationery import Customer
from kilonova.core.books import DAY_MS, LedgerView, UsageFilter
from kilonova.core.corrections import ChargeTable
from kilonova.core.errors import InvalidRequest

__all__ = ["focus_table"]

_ISSUER = "Kilonova"


def focus_table(
    view: LedgerView,
    chosen: UsageFilter,
    *,
    customers: Sequence[Customer],
    issuer: str,
    version: str,
) -> ChargeTable:
    """Every charge that ended, and every adjustment that was booked, in that time. Raises
    InvalidRequest for a version that is not ours, and where days are cut."""
    check_version(version)
    if chosen.since_ms % DAY_MS or (chosen.until_ms % DAY_MS and chosen.until_ms < 2**60):
        raise InvalidRequest("Whole days are exported: give dates, in UTC.", param="from")
    accounts = {each.id: _account(view, each, issuer or _ISSUER) for each in customers}
    rows = list(_rows(view, chosen, accounts, issuer=issuer or _ISSUER))
    return ChargeTable(
        version=version,
        columns=tuple(name for name, _ in COLUMNS),
        rows=tuple(map(cells, rows)),
    )


def _rows(
    view: LedgerView, chosen: UsageFilter, accounts: dict[str, Account], *, issuer: str
) -> Iterator[Row]:
    for charged in view.charges(chosen, by_day=True):
        account = _known(view, accounts, charged.organisation_id, issuer=issuer)
        yield from charge_rows(account, charged)
    for adjustment in view.adjustments(chosen):
        account = _known(view, accounts, adjustment.organisation_id, issuer=issuer)
        yield from adjustment_rows(account, [adjustment])


def _known(view: LedgerView, accounts: dict[str, Account], name: str, *, issuer: str) -> Account:
    """Also one that the ledger alone knows."""
    if name not in accounts:
        accounts[name] = _account(view, Customer(id=name, name=name, projects={}), issuer)
    return accounts[name]


def _account(view: LedgerView, customer: Customer, issuer: str) -> Account:
    return Account(
        id=customer.id,
        name=customer.name,
        projects=customer.projects,
        issuer=issuer,
        invoices={each.period: each.number for each in view.invoices(customer.id)},
    )
