"""The check digits that tell a number of a kind from any other number. Pure; separators removed."""

__all__ = [
    "IBAN_LENGTHS",
    "is_codice_fiscale",
    "is_cpf",
    "is_dni",
    "is_iban",
    "is_luhn",
    "is_nir",
]

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22,
    "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28,
    "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_ODD_VALUES = (
    1,
    0,
    5,
    7,
    9,
    13,
    15,
    17,
    19,
    21,
    2,
    4,
    18,
    20,
    11,
    3,
    6,
    8,
    12,
    14,
    16,
    10,
    22,
    25,
    24,
    23,
)


def is_luhn(digits: str) -> bool:
    """Payment cards: every second digit from the right is doubled."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """International bank account numbers: length of the country, and 1 modulo 97."""
    if IBAN_LENGTHS.get(text[:2]) != len(text) or not text[2:4].isdigit():
        return False
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1


def is_nir(text: str) -> bool:
    """French social security numbers: 13 signs and a key that makes them 0 modulo 97."""
    body = text[:13].replace("2A", "19").replace("2B", "18")
    return body.isdigit() and 97 - int(body) % 97 == int(text[13:])


def is_dni(text: str) -> bool:
    """Spanish identity numbers, of citizens and of foreigners: a letter modulo 23."""
    first = text[0].translate(str.maketrans("XYZ", "012"))
    return _DNI_LETTERS[int(first + text[1:-1]) % 23] == text[-1]


def is_cpf(digits: str) -> bool:
    """Brazilian taxpayer numbers: two check digits modulo 11."""
    if len(set(digits)) == 1:
        return False
    return all(_cpf_digit(digits[:length]) == int(digits[length]) for length in (9, 10))


def _cpf_digit(digits: str) -> int:
    total = sum(int(digit) * (len(digits) + 1 - index) for index, digit in enumerate(digits))
    return 0 if total % 11 < 2 else 11 - total % 11


def is_codice_fiscale(text: str) -> bool:
    """Italian tax codes: a check letter modulo 26, odd places by a table."""
    total = 0
    for index, sign in enumerate(text[:15]):
        value = int(sign) if sign.isdigit() else ord(sign) - ord("A")
        total += value if index % 2 else _ODD_VALUES[value]
    return chr(ord("A") + total % 26) == text[15]
