"""Adjustments, charges and closed months as they are read from a snapshot."""

import apsw

from kilonova.core.books import UsageFilter
from kilonova.core.corrections import Adjustment, ChargeSum, Closing, ServingCost, StoredInvoice
from kilonova.core.model import Price
from kilonova.core.usage import Usage
from kilonova.stores.sql import compiled
from kilonova.stores.sql.rows import Row

__all__ = ["read_adjustments", "read_charges", "read_closings", "read_invoices"]

_COLUMNS = (
    *("id", "organisation_id", "project_id", "model_id", "request_id", "kind", "amount_nano"),
    *("currency", "reason", "booked_ms", "refers_to", "client_token", "expires_ms", "tokens"),
)


def read_adjustments(connection: apsw.Connection, chosen: UsageFilter) -> list[Adjustment]:
    """Those booked in that time."""
    statement = compiled.ADJUSTMENTS
    if chosen.organisation_id is not None:
        statement = compiled.ADJUSTMENTS_OF_ORGANISATION
    rows: list[Row] = connection.execute(statement, _bindings(chosen)).fetchall()
    return [Adjustment(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def read_charges(
    connection: apsw.Connection, chosen: UsageFilter, *, by_day: bool
) -> list[ChargeSum]:
    """Sums of records by what decides a price."""
    statement = compiled.CHARGES
    if chosen.organisation_id is not None:
        statement = compiled.CHARGES_OF_ORGANISATION
    rows = connection.execute(statement, {**_bindings(chosen), "by_day": by_day}).fetchall()
    return [_charge_sum(row) for row in rows]


def read_closings(connection: apsw.Connection) -> list[Closing]:
    """Closed months, oldest first."""
    rows: list[Row] = connection.execute(compiled.CLOSINGS).fetchall()
    return [Closing(**dict(zip(Closing.__struct_fields__, row, strict=True))) for row in rows]


def read_invoices(
    connection: apsw.Connection, organisation_id: str | None = None
) -> list[StoredInvoice]:
    """Invoices of closed months, oldest first."""
    rows: list[Row]
    if organisation_id is None:
        rows = connection.execute(compiled.INVOICES).fetchall()
    else:
        rows = connection.execute(compiled.INVOICES_OF_ORGANISATION, (organisation_id,)).fetchall()
    names = StoredInvoice.__struct_fields__
    return [StoredInvoice(**dict(zip(names, row, strict=True))) for row in rows]


def _bindings(chosen: UsageFilter) -> dict[str, str | int | None]:
    bindings: dict[str, str | int | None] = {
        "since_ms": chosen.since_ms,
        "until_ms": chosen.until_ms,
    }
    if chosen.organisation_id is not None:
        bindings["organisation_id"] = chosen.organisation_id
    return bindings


def _charge_sum(row: Row) -> ChargeSum:
    day, organisation, project, model, tier, currency, version, *rest = row
    rates, cost_currency, requests = rest[:7], rest[7], rest[8]
    sums = rest[9:]
    return ChargeSum(
        organisation_id=organisation,
        project_id=project,
        model_id=model,
        service_tier=tier,
        day=day,
        price=Price(
            currency=currency,
            version=version,
            input=rates[0],
            cache_read=rates[1],
            cache_write=rates[2],
            cache_write_long=rates[3],
            output=rates[4],
            reasoning=rates[5],
            discount_ppm=rates[6],
        ),
        requests=requests,
        usage=Usage(**dict(zip(Usage.__struct_fields__, sums[:6], strict=True))),
        price_nano=sums[6],
        cost=ServingCost(
            currency=cost_currency, direct_nano=sums[7], energy_uj=sums[8], co2_ug=sums[9]
        ),
    )
