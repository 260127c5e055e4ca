"""The words and numbers of a statement, in English and French."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from kilonova.cli.charts.frame import plain_number

__all__ = ["WORDS", "Language", "Scale", "Words", "scale_of"]

Language = Literal["en", "fr"]

# No-break spaces: the narrow one between thousands, the wide one before a percent sign.
# From here on a ratio says no more than that there is hardly anything to divide by.
_PERCENT_MAX = 100_000
_THIN, _WIDE = "\u202f", "\u00a0"


class Words(Struct, frozen=True, kw_only=True):
    """Every text of a statement. ``{}`` is filled in."""

    title: str
    until: str
    by: dict[str, str]
    platform: str
    unassigned: str
    others: str
    total: str
    requests: str
    revenue: str
    cost: str
    income: str
    margin: str
    revenue_share: str
    income_share: str
    growth: str
    growth_year: str
    lines: dict[str, str]
    run_rate: str
    capex: str
    resources: str
    resource: str
    idle: str
    shared: str
    busy: str
    assumed: str
    policies: dict[str, str]
    bases: dict[str, str]
    energy_of: str
    shortfall: str
    costs_from: str
    uncosted: str
    nothing: str
    in_units: dict[str, str]
    cost_picture: str
    cost_caption: str
    time_picture: str
    time_caption: str
    load_picture: str
    load_caption: str
    per_million: str
    day: str
    hour: str
    requests_an_hour: str
    language: Language
    decimal_mark: str
    thousands_mark: str
    percent_mark: str

    def number(self, value: Decimal, places: int) -> str:
        """With its thousands apart, and a minus that is one."""
        text = f"{value:,.{places}f}"
        return text.translate(str.maketrans(",.", self.thousands_mark + self.decimal_mark))

    def short(self, value: float) -> str:
        """Three digits, for a picture."""
        return plain_number(value).replace(".", self.decimal_mark)

    def percent(self, text: str | None) -> str:
        """A dash where there is nothing to compare with, or so little that it says nothing."""
        if text is None or abs(Decimal(text)) >= _PERCENT_MAX:
            return "-"
        return self.number(Decimal(text), 1) + self.percent_mark


class Scale(Struct, frozen=True):
    """In what amounts are shown: ``10 ** power`` of the currency, with so many decimals."""

    power: int
    places: int

    def show(self, amount: str | Decimal, words: Words) -> str:
        """An amount of the currency, in this scale."""
        return words.number(Decimal(amount).scaleb(-self.power), self.places)


def scale_of(largest: Decimal) -> Scale:
    """So that the largest amount has four digits or more, and a statement fits a screen."""
    size = abs(largest)
    for floor, scale in (
        (Decimal(10) ** 10, Scale(9, 1)),
        (Decimal(10) ** 8, Scale(6, 1)),
        (Decimal(10) ** 4, Scale(0, 0)),
        (Decimal(10), Scale(0, 2)),
        (Decimal("0.01"), Scale(0, 4)),
    ):
        if size >= floor:
            return scale
    return Scale(0, 9)


_EN = Words(
    title="Profit and loss, {period}, {currency}",
    until="until {} (UTC)",
    by={"model": "Model", "engine": "Engine", "organisation": "Organisation", "project": "Project"},
    platform="Platform",
    unassigned="(not assigned)",
    others="Others",
    total="Total",
    requests="Requests",
    revenue="Revenue",
    cost="Cost",
    income="Income",
    margin="Margin",
    revenue_share="Of revenue",
    income_share="Of income",
    growth="Growth",
    growth_year="On a year",
    lines={
        "list_revenue": "List revenue",
        "discounts": "- Discounts",
        "credits": "- Refunds and credits",
        "revenue": "Revenue",
        "energy": "- Energy",
        "capital": "- Depreciation and capital",
        "upkeep": "- Upkeep",
        "upstream": "- Upstream",
        "idle": "- Idle time",
        "platform": "- Platform",
        "operating_income": "Operating income",
    },
    run_rate="Run-rate of a year: revenue {revenue}, operating income {income}",
    capex="Capital spending ({definition}): {amount}, in a year {year}, {share} of the revenue",
    resources="What it ran on",
    resource="Resource",
    idle="Idle",
    shared="Shared out",
    busy="Busy",
    assumed="assumed",
    policies={
        "proportional": "Idle time is shared in proportion to the direct cost.",
        "reserved": "Idle time is paid by who reserved it; the rest is the platform's.",
        "platform": "Idle time is the platform's.",
    },
    bases={
        "measured": "measured",
        "modelled": "modelled",
        "assumed": "assumed",
        "invoiced": "charged by a vendor",
        "": "unknown",
    },
    energy_of="Energy by request: {}.",
    shortfall="Work that nobody is charged for: {}.",
    costs_from="Costs count from {} on, the first day with a request.",
    uncosted="{} requests have no known cost; they add none.",
    nothing="Nothing was sold, and nothing was spent.",
    in_units={"0": "in {}", "6": "in millions of {}", "9": "in billions of {}"},
    cost_picture="Cost of a million tokens",
    cost_caption="The black line is what a million tokens brought in.",
    time_picture="Revenue against cost",
    time_caption="Cost by the day on which it arose, idle time included.",
    load_picture="Requests over the day",
    load_caption="Mean of the period, by the hour (UTC) in which requests ended.",
    per_million="{} a million tokens",
    day="day",
    hour="hour",
    requests_an_hour="requests an hour",
    language="en",
    decimal_mark=".",
    thousands_mark=",",
    percent_mark="%",
)

_FR = Words(
    title="Compte de résultat, {period}, {currency}",
    until="jusqu’au {} (UTC)",
    by={
        "model": "Modèle",
        "engine": "Moteur",
        "organisation": "Organisation",
        "project": "Projet",
    },
    platform="Plateforme",
    unassigned="(non affecté)",
    others="Autres",
    total="Total",
    requests="Requêtes",
    revenue="Produits",
    cost="Charges",
    income="Résultat",
    margin="Marge",
    revenue_share="Part produits",
    income_share="Part résultat",
    growth="Croissance",
    growth_year="Sur un an",
    lines={
        "list_revenue": "Produits au tarif",
        "discounts": "- Remises",
        "credits": "- Remboursements et avoirs",
        "revenue": "Produits",
        "energy": "- Énergie",
        "capital": "- Amortissement et capital",
        "upkeep": "- Entretien",
        "upstream": "- Fournisseurs",
        "idle": "- Temps inoccupé",
        "platform": "- Plateforme",
        "operating_income": "Résultat opérationnel",
    },
    run_rate="Rythme annuel : produits {revenue}, résultat opérationnel {income}",
    capex="Investissements ({definition}) : {amount}, par an {year}, {share} des produits",
    resources="Ressources",
    resource="Ressource",
    idle="Inoccupé",
    shared="Réparti",
    busy="Occupé",
    assumed="supposé",
    policies={
        "proportional": "Le temps inoccupé est réparti selon le coût direct.",
        "reserved": "Le temps inoccupé est payé par qui l’a réservé ; le reste par la plateforme.",
        "platform": "Le temps inoccupé reste à la plateforme.",
    },
    bases={
        "measured": "mesurée",
        "modelled": "modélisée",
        "assumed": "supposée",
        "invoiced": "facturée par un fournisseur",
        "": "inconnue",
    },
    energy_of="Énergie par requête : {}.",
    shortfall="Travail que personne ne paie : {}.",
    costs_from="Les coûts comptent à partir du {}, premier jour avec une requête.",
    uncosted="{} requêtes ont un coût inconnu ; elles n’en ajoutent aucun.",
    nothing="Rien n’a été vendu ni dépensé.",
    in_units={"0": "en {}", "6": "en millions de {}", "9": "en milliards de {}"},
    cost_picture="Coût d’un million de jetons",
    cost_caption="Le trait noir est ce qu’un million de jetons a rapporté.",
    time_picture="Produits et charges",
    time_caption="Charges au jour où elles naissent, temps inoccupé compris.",
    load_picture="Requêtes au fil du jour",
    load_caption="Moyenne de la période, par heure (UTC) de fin des requêtes.",
    per_million="{} par million de jetons",
    day="jour",
    hour="heure",
    requests_an_hour="requêtes par heure",
    language="fr",
    decimal_mark=",",
    thousands_mark=_THIN,
    percent_mark=_WIDE + "%",
)

WORDS: dict[Language, Words] = {"en": _EN, "fr": _FR}
