"""Invoices: their sums, their words, and that they look the same for ever."""

import string
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from invoice_samples import ADJUSTMENTS, CHARGES, HEADING, PRICES, adjusted, charged, sample
from kilonova.billing.invoice import words
from kilonova.billing.invoice.charges import split
from kilonova.billing.invoice.document import canonical, digest, read_document
from kilonova.billing.invoice.draw_up import coin_nano, draw_up
from kilonova.billing.invoice.html import as_html
from kilonova.billing.invoice.page import lay_out
from kilonova.billing.invoice.pdf import as_pdf
from kilonova.billing.invoice.stationery import Stationery, open_stationery
from kilonova.billing.invoice.text import as_text
from kilonova.billing.invoice.words import LANGUAGES, WORDS, Language
from kilonova.billing.month import Month, month_of, parse_month
from kilonova.core.errors import InvalidRequest
from kilonova.core.money import parse_nano
from kilonova.core.usage import Usage
from kilonova.settings import InvoiceSettings, SettingsError

# Of the sample's document and of what is drawn from it: change them only with the ``form`` of the
# document, because invoices that were sent must come out the same.
DIGESTS = {
    "json": "f3e26ca4002b5bb0568b7a473086bdcd2cdc64599facae40aab2624c2fc43336",
    "text": "f621e57ea6a8159ccd2ca5f1028c51a82d9506d7c7b8b3df513c02d162f3f6ab",
    "html": "99b4150263a7e470d1898d2bdb967fb739ca8b35d83536d8cf55c975b9ef3c4f",
    "pdf": "4f80825958dab4f0c5daee39d1b29c6cc5d8dcecca125686e732160281b2cc5f",
}


def drawn(form: str, language: Language = "en") -> bytes:
    page = lay_out(sample(), language)
    match form:
        case "json":
            return canonical(sample())
        case "text":
            return as_text(page).encode()
        case "html":
            return as_html(page).encode()
    return as_pdf(page, HEADING.issued_on)


@pytest.mark.parametrize("form", DIGESTS)
def test_an_invoice_is_the_same_bytes_for_ever(form: str) -> None:
    """Protects what was sent: the same document gives the same file, on any day and machine."""
    assert digest(drawn(form)) == DIGESTS[form]


def test_an_invoice_adds_up() -> None:
    """Protects the customer: lines and items are the subtotal, which is what the ledger says, and
    one rounding leads to what is due."""
    document = sample()
    totals = document.totals
    lines = sum(parse_nano(line.amount) for line in document.lines)
    items = sum(parse_nano(item.amount) for item in document.items)
    ledger = sum(each.price_nano for each in CHARGES) + sum(each.owed_nano for each in ADJUSTMENTS)
    assert lines == parse_nano(totals.charges)
    assert lines + items == parse_nano(totals.subtotal) == ledger
    due = sum(parse_nano(text) for text in (totals.subtotal, totals.tax, totals.rounding))
    assert due == parse_nano(totals.due)
    assert parse_nano(totals.due) % coin_nano("EUR") == 0
    assert read_document(canonical(document)) == document


@settings(max_examples=300, deadline=None)
@given(
    place=st.integers(0, len(PRICES) - 1),
    tokens=st.lists(st.integers(0, 10**7), min_size=6, max_size=6),
    requests=st.integers(1, 10**5),
    missing_ppm=st.integers(0, 10**6),
    discount_ppm=st.integers(0, 10**6),
)
def test_splitting_loses_nothing(
    place: int, tokens: list[int], requests: int, missing_ppm: int, discount_ppm: int
) -> None:
    """Protects every nano-unit: kinds, discount and what is not charged are the ledger's charge."""
    usage = Usage(
        input_tokens=tokens[0],
        cache_read_tokens=tokens[1],
        cache_write_tokens=tokens[2],
        cache_write_long_tokens=tokens[3],
        output_tokens=tokens[4] + tokens[5],
        reasoning_tokens=tokens[5],
    )
    each = charged(place, usage)
    price = replace(each.price, discount_ppm=discount_ppm)
    one = price.charge(usage)
    counts = {name: getattr(usage, name) * requests for name in Usage.__struct_fields__}
    sold = replace(
        each,
        price=price,
        requests=requests,
        usage=Usage(**counts),
        price_nano=(one - one * missing_ppm // 10**6) * requests,
    )
    parts = split(sold)
    listed = sum(part.list_nano for part in parts.parts)
    assert listed + parts.discount_nano + parts.uncharged_nano == sold.price_nano
    assert sum(part.billed_nano for part in parts.parts) == sold.price_nano
    assert all(part.list_nano >= 0 and part.billed_nano >= 0 for part in parts.parts)
    assert sum(part.quantity for part in parts.parts) == sum(tokens) * requests
    if not missing_ppm:
        assert not parts.uncharged_nano, "rounding of single requests is no gift"


@given(amount=st.integers(-(10**15), 10**15), tax_ppm=st.integers(0, 10**6))
def test_one_rounding_at_most_half_a_coin(amount: int, tax_ppm: int) -> None:
    """Protects both sides: what is due is within half a coin of the exact sum."""
    adjustments = [adjusted("correction", amount)] if amount else []
    document = draw_up(replace(HEADING, tax_ppm=tax_ppm), [], adjustments)
    assert 2 * abs(parse_nano(document.totals.rounding)) <= coin_nano("EUR")
    assert document.is_credit_note == (parse_nano(document.totals.due) < 0)


def test_coins_differ() -> None:
    """Protects invoices in yen and dinars from cents that do not exist."""
    assert [coin_nano(code) for code in ("EUR", "JPY", "KWD")] == [10**7, 10**9, 10**6]
    page = lay_out(draw_up(replace(HEADING, currency="JPY"), [], ADJUSTMENTS[:1]), "en")
    assert page.sums[-1][1].endswith("\N{NO-BREAK SPACE}JPY")
    assert "." not in page.sums[-1][1]


def test_no_string_is_missing_in_any_language() -> None:
    """Protects readers of French: the same words, with the same places to fill, in each."""
    fields = {
        language: {
            name: {field for _, field, _, _ in string.Formatter().parse(text) if field}
            for name, text in WORDS[language].items()
        }
        for language in LANGUAGES
    }
    assert fields["en"] == fields["fr"]
    assert all(text for language in LANGUAGES for text in WORDS[language].values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_of_the_other_language_stands_on_an_invoice(language: Language) -> None:
    """Protects customers from half-translated pages."""
    other = WORDS["fr" if language == "en" else "en"]
    text = as_text(lay_out(sample(), language))
    same = set(WORDS[language].values())
    foreign = {word for word in other.values() if "{" not in word} - same
    shown = {line.split("  ")[0].strip() for line in text.splitlines()}
    assert foreign.isdisjoint(shown)


def test_numbers_and_dates_are_as_people_write_them() -> None:
    """Protects reading: separators, the first of a month, and no digit lost."""
    assert words.amount(-1_234_567_890_000_000, 2, "en") == "-1,234,567.89"
    assert words.amount(1_234_500_000_000, 2, "fr") == "1\N{NO-BREAK SPACE}234,50"
    assert words.long_date(date(2026, 11, 1), "fr") == "1er novembre 2026"
    assert words.long_date(date(2026, 11, 1), "en") == "1 November 2026"
    with pytest.raises(AssertionError):
        words.amount(1, 2, "en")


def test_what_customers_are_called_cannot_break_the_page() -> None:
    """Protects the HTML: names are text, in the page and in its style."""
    issuer = replace(HEADING.issuer, name='</style><script>alert("x")</script>')
    page = as_html(lay_out(draw_up(replace(HEADING, issuer=issuer), CHARGES, []), "en"))
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert "http" not in page, "a page that prints anywhere loads nothing"


def test_a_draft_says_so() -> None:
    """Protects customers from paying a draft: it has no number and no date, and a warning."""
    page = lay_out(sample("draft"), "en")
    assert "draft" in page.title
    assert page.warning in as_html(page)
    assert [label for label, _ in page.facts] == ["Period", "Customer number"]


def test_pdf_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the plain installation: a sentence, and no traceback."""
    monkeypatch.setitem(__import__("sys").modules, "fpdf", None)
    with pytest.raises(InvalidRequest, match=r"kilonova\[export\]"):
        as_pdf(lay_out(sample(), "en"), HEADING.issued_on)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"number_prefix": ""}, "number_prefix"),
        ({"number_prefix": "KN1"}, "number_prefix"),
        ({"tax_percent": "many"}, "tax_percent"),
        ({"tax_percent": "NaN"}, "tax_percent"),
        ({"tax_percent": "-1"}, "tax_percent"),
        ({"tax_percent": "19.99999"}, "tax_percent"),
    ],
)
def test_bad_stationery_is_named(values: dict[str, str], word: str) -> None:
    """Protects invoices from a typing error in the settings: the server says which."""
    with pytest.raises(SettingsError, match=word):
        open_stationery(InvoiceSettings(**values))


def test_numbers_follow_their_own_prefix() -> None:
    """Protects numbering when the prefix changes: each has its own row, and none is given twice."""
    paper = Stationery(number_prefix="A-")
    assert paper.next_place([]) == 1
    assert paper.next_place(["A-000009", "A-B-000050", "B-000070"]) == 10
    assert paper.number(1_000_000) == "A-1000000"


@given(year=st.integers(2000, 2099), number=st.integers(1, 12))
def test_months_follow_one_another(year: int, number: int) -> None:
    """Protects the edges of months: one ends where the next begins, and each moment has its own."""
    month = Month(year, number)
    assert month.until_ms == month.next.since_ms
    assert month_of(month.since_ms) == month_of(month.until_ms - 1) == month
    assert parse_month(str(month)) == month
    assert month < month.next


def test_a_tax_without_a_name_is_called_as_people_call_it() -> None:
    """Protects French customers from a VAT; a name that was chosen stands in every language."""
    document = sample()
    unnamed = replace(document, heading=replace(document.heading, tax_name=""))
    for chosen, language, word in (
        *((unnamed, "fr", "TVA"), (unnamed, "en", "VAT"), (document, "en", "TVA")),
    ):
        labels = [label for label, _ in lay_out(chosen, language).sums]
        assert any(label.startswith(f"{word} ") for label in labels), labels
