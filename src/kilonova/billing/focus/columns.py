"""The columns of FOCUS 1.2 that we write, and our own (``x_``), in the order of the export.

Nobody commits to anything here: the columns of commitment discounts are empty.
"""

from typing import Literal

from kilonova.core.errors import InvalidRequest

__all__ = ["COLUMNS", "MANDATORY", "Column", "Kind", "check_version"]

Kind = Literal["text", "decimal", "time"]
Column = tuple[str, Kind]

_SUPPORTED = "1.2"
# What every row has by the specification, whatever it is.
MANDATORY = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency"),
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargeCategory", "ChargeClass"),
    *("ChargeDescription", "ChargePeriodStart", "ChargePeriodEnd", "ContractedCost"),
    *("EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit"),
    *("ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
)

_DECIMALS = (
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"),
    *("ListUnitPrice", "ContractedUnitPrice", "PricingQuantity", "ConsumedQuantity"),
    *("PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice"),
    *("PricingCurrencyEffectiveCost", "x_CostOfServing", "x_Margin", "x_EnergyWh"),
    "x_GramsCO2e",
)
_TIMES = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
_NAMES = (
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingCurrency"),
    *("BillingAccountId", "BillingAccountName", "BillingAccountType"),
    *("SubAccountId", "SubAccountName", "SubAccountType"),
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"),
    *("ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency"),
    *("InvoiceId", "InvoiceIssuerName", "ProviderName", "PublisherName"),
    *("ServiceCategory", "ServiceSubcategory", "ServiceName"),
    *("ResourceId", "ResourceName", "ResourceType", "RegionId", "RegionName"),
    *("SkuId", "SkuMeter", "SkuPriceId", "SkuPriceDetails", "PricingCategory"),
    *("PricingUnit", "PricingQuantity", "ListUnitPrice", "ContractedUnitPrice"),
    *("CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName"),
    *("CommitmentDiscountStatus", "CommitmentDiscountType"),
    *("ConsumedUnit", "ConsumedQuantity", "PricingCurrency", "PricingCurrencyListUnitPrice"),
    *("PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost", "Tags"),
    *("x_ModelId", "x_TokenType", "x_ServiceTier", "x_Requests", "x_Reference"),
    *("x_CostOfServing", "x_Margin", "x_EnergyWh", "x_GramsCO2e"),
)


def _kind(name: str) -> Kind:
    if name in _DECIMALS:
        return "decimal"
    return "time" if name in _TIMES else "text"


COLUMNS: tuple[Column, ...] = tuple((name, _kind(name)) for name in _NAMES)


def check_version(version: str) -> None:
    """Raises InvalidRequest for a version of FOCUS whose columns are not ours."""
    if version != _SUPPORTED:
        raise InvalidRequest(
            f"FOCUS {version[:10]} is not supported: ask for {_SUPPORTED}.", param="version"
        )
