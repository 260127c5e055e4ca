"""An invoice as it is laid out, whatever draws it: titles, tables and sums as text. Pure."""

from datetime import date
from itertools import groupby

from msgspec import Struct

from kilonova.billing.invoice.document import Document, Heading, Item, Line, Party
from kilonova.billing.invoice.draw_up import coin_nano, percent
from kilonova.billing.invoice.words import (
    DECIMAL_POINT,
    WORDS,
    Language,
    amount,
    count,
    decimals_of,
    long_date,
)
from kilonova.billing.invoice.words import month as month_name
from kilonova.core.money import parse_nano

__all__ = ["Group", "Page", "lay_out"]

_Pair = tuple[str, str]


class Group(Struct, frozen=True):
    """The lines of one project: model, tier, tokens, quantity, price, amount; and their sum."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    total: str


class Page(Struct, frozen=True, kw_only=True):
    """``sums`` end with what is due; it is the last pair. ``warning`` is empty on an invoice."""

    title: str
    warning: str
    facts: tuple[_Pair, ...]
    issuer: tuple[str, ...]
    customer: tuple[str, ...]
    heads: tuple[str, ...]
    groups: tuple[Group, ...]
    items: tuple[_Pair, ...]
    sums: tuple[_Pair, ...]
    notes: tuple[str, ...]
    footer: str
    words: dict[str, str]
    language: Language


class _Writer(Struct, frozen=True):
    """Writes amounts of one invoice: all of one kind with the same number of decimals."""

    language: Language
    currency: str
    decimals: int
    price_decimals: int

    def money(self, text: str) -> str:
        return amount(parse_nano(text), self.decimals, self.language)

    def price(self, text: str) -> str:
        return amount(parse_nano(text), self.price_decimals, self.language)

    def rounded(self, text: str) -> str:
        """What is a whole number of the smallest coins."""
        least = decimals_of(coin_nano(self.currency), least=0)
        return f"{amount(parse_nano(text), least, self.language)}\N{NO-BREAK SPACE}{self.currency}"


def lay_out(document: Document, language: Language) -> Page:
    """The invoice in a language. Nothing but the document decides what it says."""
    heading, words = document.heading, WORDS[language]
    writer = _writer(document, language)
    title = words["credit_note"] if document.is_credit_note else words["invoice"]
    is_draft = heading.status == "draft"
    footer = f"{heading.issuer.name} {heading.number or words['draft']}".strip()
    notes = [words["exact"].format(currency=heading.currency)]
    if heading.note:
        notes.insert(0, heading.note)
    return Page(
        title=f"{title} ({words['draft'].lower()})" if is_draft else title,
        warning=words["is_draft"] if is_draft else "",
        facts=_facts(heading, language),
        issuer=_party(heading.issuer, words),
        customer=_party(heading.customer, words),
        heads=tuple(
            words[name]
            for name in ("model", "service_tier", "kind", "quantity", "unit_price", "amount")
        ),
        groups=tuple(
            _group(heading.projects.get(project_id, project_id), list(lines), writer)
            for project_id, lines in groupby(document.lines, key=lambda line: line.project_id)
        ),
        items=tuple(
            (_label(item, heading, language), writer.money(item.amount)) for item in document.items
        ),
        sums=_sums(document, writer),
        notes=tuple(notes),
        footer=footer,
        words=words,
        language=language,
    )


def _writer(document: Document, language: Language) -> _Writer:
    totals = document.totals
    shown = [line.amount for line in document.lines] + [item.amount for item in document.items]
    shown += [totals.charges, totals.subtotal, totals.tax, totals.total, totals.rounding]
    currency = document.heading.currency
    least = decimals_of(coin_nano(currency), least=0)
    prices = [parse_nano(line.unit_price) for line in document.lines]
    return _Writer(
        language,
        currency,
        max(decimals_of(parse_nano(text), least=least) for text in shown),
        max((decimals_of(price, least=least) for price in prices), default=least),
    )


def _facts(heading: Heading, language: Language) -> tuple[_Pair, ...]:
    words = WORDS[language]
    facts = [
        (words["number"], heading.number),
        (words["period"], _month(heading.period, language)),
    ]
    for name in ("issued_on", "due_on"):
        written = getattr(heading, name)
        if written:
            facts.append((words[name], long_date(date.fromisoformat(written), language)))
    facts.append((words["organisation"], heading.organisation_id))
    return tuple(fact for fact in facts if fact[1])


def _party(party: Party, words: dict[str, str]) -> tuple[str, ...]:
    lines = [party.name, *party.address]
    if party.vat_id:
        lines.append(f"{words['vat_id']} {party.vat_id}")
    return tuple(line for line in lines if line)


def _group(title: str, lines: list[Line], writer: _Writer) -> Group:
    words = WORDS[writer.language]
    rows = tuple(
        (
            line.model_id,
            line.service_tier,
            words[line.kind],
            count(line.quantity, writer.language),
            writer.price(line.unit_price),
            writer.money(line.amount),
        )
        for line in lines
    )
    total = sum(parse_nano(line.amount) for line in lines)
    return Group(title, rows, amount(total, writer.decimals, writer.language))


def _label(item: Item, heading: Heading, language: Language) -> str:
    words = WORDS[language]
    reference = item.reference
    if item.kind == "discount":
        reference = reference.replace(".", DECIMAL_POINT[language])
    corrected = reference if item.kind == "correction" and reference else heading.period
    label = words[item.kind].format(reference=reference, month=_month(corrected, language))
    return words["because"].format(what=label, reason=item.reason) if item.reason else label


def _month(period: str, language: Language) -> str:
    return month_name(date.fromisoformat(f"{period}-01"), language)


def _sums(document: Document, writer: _Writer) -> tuple[_Pair, ...]:
    totals, heading = document.totals, document.heading
    words = WORDS[writer.language]
    sums = [(words["charges"], writer.money(totals.charges))]
    if document.items:
        sums.append((words["subtotal"], writer.money(totals.subtotal)))
    if heading.tax_ppm:
        rate = percent(heading.tax_ppm).replace(".", DECIMAL_POINT[writer.language])
        name = heading.tax_name or words["tax_name"]
        label = words["tax"].format(name=name, rate=rate)
        sums.append((label, writer.money(totals.tax)))
    if parse_nano(totals.rounding):
        sums.append((words["rounding"], writer.money(totals.rounding)))
    name = "returned" if document.is_credit_note else "due"
    return (*sums, (words[name], writer.rounded(totals.due)))
