"""The words, numbers and dates of invoices in each language. Pure, and from no locale of a machine:
an invoice must look the same everywhere and for ever."""

from datetime import date
from typing import get_args

from kilonova.core.corrections import InvoiceLanguage as Language
from kilonova.core.money import NANO

__all__ = [
    "DECIMAL_POINT",
    "LANGUAGES",
    "WORDS",
    "Language",
    "amount",
    "count",
    "decimals_of",
    "long_date",
    "month",
]

LANGUAGES: tuple[Language, ...] = get_args(Language)

# Never breaks at the end of a line.
_HARD_SPACE = "\N{NO-BREAK SPACE}"
_GROUPING: dict[Language, str] = {"en": ",", "fr": _HARD_SPACE}
DECIMAL_POINT: dict[Language, str] = {"en": ".", "fr": ","}
_DECIMALS_MAX = 9

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "invoice": "Invoice",
        "credit_note": "Credit note",
        "draft": "Draft",
        "is_draft": "This month is not closed: amounts may change, and this is no invoice.",
        "number": "Number",
        "period": "Period",
        "issued_on": "Issued on",
        "due_on": "Payable by",
        "organisation": "Customer number",
        "from": "From",
        "to": "To",
        "vat_id": "VAT number",
        "project": "Project",
        "model": "Model",
        "service_tier": "Tier",
        "kind": "Tokens",
        "quantity": "Quantity",
        "unit_price": "Price per million",
        "amount": "Amount",
        "input": "Input",
        "cache_read": "Read from cache",
        "cache_write": "Written to cache",
        "cache_write_long": "Written to cache for long",
        "output": "Output",
        "reasoning": "Reasoning",
        "discount": "Discount of {reference} %",
        "uncharged": "Work that is not charged",
        "refund": "Refund of {reference}",
        "correction": "Correction of {month}",
        "allowance": "Free allowance",
        "credit": "Credit",
        "because": "{what}: {reason}",
        "charges": "Charges",
        "subtotal": "Subtotal",
        "tax_name": "VAT",
        "tax": "{name} {rate} %",
        "rounding": "Rounding",
        "due": "Amount due",
        "returned": "Amount in your favour",
        "nothing": "Nothing was charged.",
        "exact": "Amounts are in {currency}, exact to a billionth. Only their sum is rounded.",
        "page": "Page",
    },
    "fr": {
        "invoice": "Facture",
        "credit_note": "Avoir",
        "draft": "Projet",
        "is_draft": "Ce mois n'est pas clos : les montants peuvent changer, ceci n'est pas une "
        "facture.",
        "number": "Numéro",
        "period": "Période",
        "issued_on": "Émise le",
        "due_on": "À payer avant le",
        "organisation": "Numéro de client",
        "from": "De",
        "to": "À",
        "vat_id": "Numéro de TVA",
        "project": "Projet",
        "model": "Modèle",
        "service_tier": "Niveau",
        "kind": "Jetons",
        "quantity": "Quantité",
        "unit_price": "Prix du million",
        "amount": "Montant",
        "input": "Entrée",
        "cache_read": "Lus en cache",
        "cache_write": "Mis en cache",
        "cache_write_long": "Mis en cache longue durée",
        "output": "Sortie",
        "reasoning": "Raisonnement",
        "discount": "Remise de {reference} %",
        "uncharged": "Travail non facturé",
        "refund": "Remboursement de {reference}",
        "correction": "Correction de {month}",
        "allowance": "Franchise",
        "credit": "Crédit",
        "because": "{what} : {reason}",
        "charges": "Consommation",
        "subtotal": "Sous-total",
        "tax_name": "TVA",
        "tax": "{name} {rate} %",
        "rounding": "Arrondi",
        "due": "Montant dû",
        "returned": "Montant en votre faveur",
        "nothing": "Rien n'a été facturé.",
        "exact": "Les montants sont en {currency}, exacts au milliardième. Seule leur somme est "
        "arrondie.",
        "page": "Page",
    },
}

_MONTHS: dict[Language, tuple[str, ...]] = {
    "en": (
        *("January", "February", "March", "April", "May", "June", "July", "August"),
        *("September", "October", "November", "December"),
    ),
    "fr": (
        *("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août"),
        *("septembre", "octobre", "novembre", "décembre"),
    ),
}


def count(number: int, language: Language) -> str:
    """1234567 → ``1,234,567`` or, in French, the same with hard spaces."""
    return f"{number:,}".replace(",", _GROUPING[language])


def decimals_of(nano: int, *, least: int) -> int:
    """How many decimals an amount needs to be shown whole, and at least."""
    fraction = f"{abs(nano) % NANO:09d}".rstrip("0")
    return max(least, len(fraction))


def amount(nano: int, decimals: int, language: Language) -> str:
    """An amount with so many decimals, none of which may be lost."""
    step: int = 10 ** (_DECIMALS_MAX - decimals)
    assert nano % step == 0, f"{nano} nano does not fit {decimals} decimals"
    whole, fraction = divmod(abs(nano), NANO)
    sign = "-" if nano < 0 else ""
    digits = f"{DECIMAL_POINT[language]}{fraction:09d}"[: decimals + 1] if decimals else ""
    return f"{sign}{count(whole, language)}{digits}"


def long_date(day: date, language: Language) -> str:
    """``1 November 2026``, ``1er novembre 2026``."""
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{number} {_MONTHS[language][day.month - 1]} {day.year}"


def month(day: date, language: Language) -> str:
    """``November 2026``."""
    return f"{_MONTHS[language][day.month - 1]} {day.year}"
