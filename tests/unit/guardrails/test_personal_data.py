"""Personal data: what is found, to the character, and what only looks like it."""

from itertools import pairwise
from typing import Any

import pytest

from kilonova.guardrails.checksums import (
    is_codice_fiscale,
    is_cpf,
    is_dni,
    is_iban,
    is_luhn,
    is_nir,
)
from kilonova.guardrails.personal_data import find_personal_data


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in find_personal_data(text)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Write to ada.byron+x@mail.example.co.uk.", "email", "ada.byron+x@mail.example.co.uk"),
        ("IBAN DE89 3704 0044 0532 0130 00 was used", "iban", "DE89 3704 0044 0532 0130 00"),
        ("pay GB82WEST12345698765432, please", "iban", "GB82WEST12345698765432"),
        ("card 4111 1111 1111 1111 12/27", "payment_card", "4111 1111 1111 1111"),
        ("amex 378282246310005", "payment_card", "378282246310005"),
        ("from 10.20.30.40:8080", "ipv4", "10.20.30.40"),
        ("on [2001:db8::8a2e:370:7334]:443", "ipv6", "2001:db8::8a2e:370:7334"),
        ("loop ::1 back", "ipv6", "::1"),
        ("+44 (0)7911 123456", "phone", "+44 (0)7911 123456"),
        ("ring (415) 555-2671", "phone", "(415) 555-2671"),
        ("le 01 42 68 53 00 svp", "phone", "01 42 68 53 00"),
        ("please call 4155552671", "phone", "4155552671"),
        ("SSN 123-45-6789", "us_ssn", "123-45-6789"),
        ("n° 2 55 08 14 168 025 38", "fr_nir", "2 55 08 14 168 025 38"),
        ("DNI 12345678Z", "es_dni", "12345678Z"),
        ("CF RSSMRA85T10A562S", "it_codice_fiscale", "RSSMRA85T10A562S"),
        ("CPF 529.982.247-25", "br_cpf", "529.982.247-25"),
        ("AKIAIOSFODNN7EXAMPLE", "secret", "AKIAIOSFODNN7EXAMPLE"),
        ("-----BEGIN RSA PRIVATE KEY-----", "secret", "-----BEGIN RSA PRIVATE KEY-----"),
    ],
)
def test_every_kind_is_found_to_the_character(text: str, kind: str, value: str) -> None:
    """Protects redaction: one sign too few leaks, one too many eats the text."""
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "DE89 3704 0044 0532 0130 01",
        "0000 0000 0000 0000",
        "version 1.2.3.4",
        "pkg-1.2.3.4.tar.gz",
        "999.1.1.1",
        "std::vector and a::b",
        "at 10:20:30",
        "aa:bb:cc:dd:ee:ff",
        "git@host.com:team/app.git",
        "logo@2x.png",
        "order 415-555-2671",
        "Invoice no. 415-555-2671",
        "000-12-3456",
        "12345678A",
        "529.982.247-26",
        "1700000000000",
        "3.14159265358979",
        "",
    ],
)
def test_near_misses_are_left_alone(text: str) -> None:
    """Protects callers from redacted version numbers and order numbers."""
    assert found(text) == []


def test_finds_are_in_order_and_do_not_overlap() -> None:
    """Protects those who cut spans out of a text one after another."""
    text = "a@example.com 10.0.0.1 4111111111111111 +33 1 42 68 53 00 " * 3
    spans = find_personal_data(text)
    assert len(spans) == 12
    assert all(one.end <= other.start for one, other in pairwise(spans))


def test_check_digits() -> None:
    """Protects the arithmetic by known numbers, and by each with its last sign changed."""
    samples = [
        (is_luhn, "79927398713", "79927398710"),
        (is_iban, "FR1420041010050500013M02606", "FR1420041010050500013M02607"),
        (is_nir, "255081416802538", "255081416802539"),
        (is_nir, "180022A00100276", "180022A00100275"),
        (is_dni, "X1234567L", "X1234567M"),
        (is_cpf, "52998224725", "52998224726"),
        (is_codice_fiscale, "MRTMTT91D08F205J", "MRTMTT91D08F205K"),
    ]
    for check, good, bad in samples:
        assert (check.__name__, check(good), check(bad)) == (check.__name__, True, False)
    assert not is_cpf("11111111111")


@pytest.mark.parametrize("hostile", ["1" * 50_000, "a@" * 20_000, "1-" * 25_000, ":" * 50_000])
def test_hostile_text_takes_no_longer_than_its_length(hostile: str) -> None:
    """Protects the server from patterns that explode: 50,000 signs end well within the timeout."""
    assert len(find_personal_data(hostile)) < len(hostile)


class _Watched(str):
    """A text that counts how many signs were searched in it from the back."""

    seen = 0

    def rfind(self, sign: str, start: Any = 0, end: Any = None) -> int:
        self.seen += end - start
        return super().rfind(sign, start, end)


@pytest.mark.parametrize("unit", ["@", "a@b ", "a@b\n"])
def test_a_text_full_of_addresses_is_read_once(unit: str) -> None:
    """Protects the machine: a text without the sign that is sought is not searched anew from its
    beginning for each address in it."""
    text = _Watched(unit * 5_000)
    find_personal_data(text)
    assert text.seen <= 4 * len(text)
