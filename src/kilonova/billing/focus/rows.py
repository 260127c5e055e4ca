"""Charges and adjustments as rows of FOCUS. Pure.

A row is one kind of token of one day, project, model, tier and price. ``ListCost`` is exactly
``ListUnitPrice`` times ``PricingQuantity``; ``BilledCost`` is what the ledger charged, split by
largest remainder, so that the rows of an invoice add up to it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from kilonova.billing.focus.columns import COLUMNS
from kilonova.billing.invoice.charges import Part, split
from kilonova.billing.month import Month, month_of
from kilonova.core.books import DAY_MS
from kilonova.core.corrections import Adjustment, AdjustmentKind, ChargeSum
from kilonova.core.model import DISCOUNT_WHOLE
from kilonova.core.money import apportion, format_nano

__all__ = ["Account", "Row", "adjustment_rows", "cells", "charge_rows"]

Row = dict[str, str]

_UNIT = "1000000 Tokens"
_UNIT_PLACES = 6
_NANO_PLACES = 9
_PPM_PLACES = 6
_PICO_PLACES = 12
_PICO = 10**_PICO_PLACES
_UJ_PER_WH = 3_600_000_000
_CATEGORIES: dict[AdjustmentKind, str] = {
    "refund": "Credit",
    "correction": "Adjustment",
    "credit_use": "Credit",
    "allowance_use": "Credit",
    "tax": "Tax",
    "rounding": "Adjustment",
}
_DESCRIPTIONS: dict[AdjustmentKind, str] = {
    "refund": "Refund of a request",
    "correction": "Correction",
    "credit_use": "Credit used",
    "allowance_use": "Free allowance used",
    "tax": "Tax",
    "rounding": "Rounding to the smallest coin",
}


class Account(Struct, frozen=True, kw_only=True):
    """Who is billed by whom. ``invoices`` gives the number by month, where it is closed."""

    id: str
    name: str
    projects: dict[str, str]
    issuer: str
    invoices: dict[str, str]


def charge_rows(account: Account, charged: ChargeSum) -> Iterator[Row]:
    """The rows of requests of one day, one for each kind of token."""
    parts = split(charged).parts
    weights = [part.quantity * part.rate for part in parts]
    if not any(weights):
        weights = [part.quantity for part in parts]
    cost = charged.cost
    shares = zip(
        parts,
        apportion(cost.direct_nano, weights),
        apportion(cost.energy_uj, weights),
        apportion(cost.co2_ug, weights),
        strict=True,
    )
    for part, direct_nano, energy_uj, co2_ug in shares:
        row = {**_common(account, month_of(charged.day * DAY_MS)), **_priced(charged, part)}
        row |= _time("ChargePeriod", charged.day * DAY_MS, (charged.day + 1) * DAY_MS)
        row |= _place(account, charged.project_id, charged.model_id)
        row["x_ServiceTier"] = charged.service_tier
        row["x_Requests"] = str(charged.requests)
        if cost.currency:
            row["x_EnergyWh"] = _exact(energy_uj * _PICO // _UJ_PER_WH, _PICO_PLACES)
            row["x_GramsCO2e"] = _exact(co2_ug, _PPM_PLACES)
        if cost.currency == charged.price.currency:
            row["x_CostOfServing"] = format_nano(direct_nano)
            row["x_Margin"] = format_nano(part.billed_nano - direct_nano)
        yield row


def adjustment_rows(account: Account, adjustments: Sequence[Adjustment]) -> Iterator[Row]:
    """The rows of what was put on or taken off; what changes no debt has none."""
    for adjustment in adjustments:
        if adjustment.kind not in _CATEGORIES:
            continue
        month = month_of(adjustment.booked_ms)
        row = _common(account, month)
        row |= _time("ChargePeriod", month.since_ms, month.until_ms)
        row |= _costs(adjustment.currency, format_nano(adjustment.owed_nano))
        row["ChargeCategory"] = _CATEGORIES[adjustment.kind]
        row["ChargeFrequency"] = "One-Time"
        what, why = _DESCRIPTIONS[adjustment.kind], adjustment.reason
        row["ChargeDescription"] = f"{what}: {why}" if why else what
        row["x_Reference"] = adjustment.request_id or adjustment.refers_to or adjustment.id
        if adjustment.kind in ("refund", "correction") and _is_of_earlier(adjustment, month):
            row["ChargeClass"] = "Correction"
        if adjustment.model_id:
            row |= _place(account, adjustment.project_id, adjustment.model_id)
        yield row


def cells(row: Row) -> tuple[str | None, ...]:
    """In the order of ``COLUMNS``."""
    return tuple(row.get(name) for name, _ in COLUMNS)


def _is_of_earlier(adjustment: Adjustment, month: Month) -> bool:
    return bool(adjustment.refers_to) and adjustment.refers_to < str(month)


def _common(account: Account, month: Month) -> Row:
    row = {
        "BillingAccountId": account.id,
        "BillingAccountName": account.name,
        "BillingAccountType": "Organisation",
        "InvoiceIssuerName": account.issuer,
        "ProviderName": account.issuer,
        "PublisherName": account.issuer,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceSubcategory": "Generative AI",
        "ServiceName": "Kilonova",
        "Tags": "{}",
        **_time("BillingPeriod", month.since_ms, month.until_ms),
    }
    number = account.invoices.get(str(month))
    if number is not None:
        row["InvoiceId"] = number
    return row


def _place(account: Account, project_id: str, model_id: str) -> Row:
    return {
        "SubAccountId": project_id,
        "SubAccountName": account.projects.get(project_id, project_id),
        "SubAccountType": "Project",
        "ResourceId": model_id,
        "ResourceName": model_id,
        "ResourceType": "Model",
        "x_ModelId": model_id,
    }


def _costs(currency: str, billed: str, *, listed: str = "", contracted: str = "") -> Row:
    return {
        "BillingCurrency": currency,
        "PricingCurrency": currency,
        "BilledCost": billed,
        "EffectiveCost": billed,
        "PricingCurrencyEffectiveCost": billed,
        "ListCost": listed or billed,
        "ContractedCost": contracted or billed,
    }


def _priced(charged: ChargeSum, part: Part) -> Row:
    price = charged.price
    list_price = _exact(part.rate, _NANO_PLACES)
    kept_ppm = DISCOUNT_WHOLE - price.discount_ppm
    agreed = _exact(part.rate * kept_ppm, _NANO_PLACES + _PPM_PLACES)
    listed = part.rate * part.quantity
    sku = f"{charged.model_id}/{charged.service_tier}/{part.kind}"
    return {
        **_costs(
            price.currency,
            format_nano(part.billed_nano),
            listed=_exact(listed, _NANO_PLACES + _UNIT_PLACES),
            contracted=_exact(listed * kept_ppm, _NANO_PLACES + _UNIT_PLACES + _PPM_PLACES),
        ),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargeDescription": f"{charged.model_id}, {part.kind} tokens, {charged.service_tier} tier",
        "SkuId": sku,
        "SkuMeter": f"{part.kind} tokens",
        "SkuPriceId": f"{price.version}/{sku}",
        "PricingCategory": "Standard",
        "PricingUnit": _UNIT,
        "PricingQuantity": _exact(part.quantity, _UNIT_PLACES),
        "ListUnitPrice": list_price,
        "ContractedUnitPrice": agreed,
        "PricingCurrencyListUnitPrice": list_price,
        "PricingCurrencyContractedUnitPrice": agreed,
        "ConsumedUnit": "Tokens",
        "ConsumedQuantity": str(part.quantity),
        "x_TokenType": part.kind,
    }


def _time(name: str, since_ms: int, until_ms: int) -> Row:
    return {f"{name}Start": _moment(since_ms), f"{name}End": _moment(until_ms)}


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _exact(number: int, places: int) -> str:
    """``number`` of the places behind the point, without zeros that say nothing. In integers: the
    arithmetic of Decimal rounds at 28 digits."""
    sign = "-" if number < 0 else ""
    whole, fraction = divmod(abs(number), 10**places)
    digits = f"{fraction:0{places}d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
