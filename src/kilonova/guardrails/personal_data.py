"""Personal data and secrets in a text: patterns, check digits, and the words that stand before.

What has no check digit must look like nothing else, or be announced by a word such as "call".
Names, postal addresses and anything else without a form of its own are not found.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import AddressValueError, IPv6Address
from typing import AnyStr

from msgspec import Struct

from kilonova.guardrails.checksums import (
    IBAN_LENGTHS,
    is_codice_fiscale,
    is_cpf,
    is_dni,
    is_iban,
    is_luhn,
    is_nir,
)
from kilonova.guardrails.scan import Kind, Span

__all__ = ["find_personal_data"]

_Region = tuple[int, int]


class _Rule(Struct, frozen=True):
    """``extent`` is how long the find is, counted from the start of the match; 0: it is none.

    ``where`` names the parts of a text, seen beside its outline, that are worth a look: most text
    holds none.
    """

    kind: Kind
    pattern: re.Pattern[str]
    extent: Callable[[re.Match[str]], int]
    where: Callable[[str, bytes], list[_Region]]
    digits_min: int = 0


# Seven digits or more with little between them: every number of a kind looks like that.
_DENSE = re.compile(r"[0-9](?:[ .\-()/A-Z]{0,4}[0-9]){6,}")
_MARGIN_BEFORE, _MARGIN_AFTER = 16, 24
_SECRETS = ("-----BEGIN", "AKIA", "ASIA", "xox", "AIza", "sk-", "eyJ")
_SECRETS_UNDERSCORED = (
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "sk_", "kn_live", "rk_live"),
)
_SECRET_CHARACTERS = 7100
_KEY_HEADER_CHARACTERS = 64
_DOTTED = re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_COLONS = re.compile(r"[0-9A-Fa-f:]*(?:::|:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:)[0-9A-Fa-f:]*")
_COLONS_NEAR = re.compile(r":(?::|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:)")
_CUE_CHARACTERS = 32
_OUTLINE = bytes.maketrans(
    b"123456789BCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz", b"0" * 9 + b"A" * 25 + b"a" * 25
)
_CALLING = re.compile(
    r"\b(?:phone|tel|tél|call|calling|mobile|cell|cellphone|fax|whatsapp|sms|reach|ring|dial|text"
    r"|numéro|téléphone|appel\w*|portable|telefon\w*|teléfono|móvil|cellulare|handy|ruf\w*|anruf\w*"
    r"|llam\w*|chiam\w*|ligue|telefone|celular)\b(?!.*\b(?:order|invoice|ticket|ref\w*)\b)",
    re.IGNORECASE,
)
_NUMBERING = re.compile(
    r"(?:\b(?:order|invoice|ref|reference|ticket|part|sku|serial|isbn|case|tracking|article|item|id|lot"
    r"|batch|model|contract|policy|po|issue|bug|rma|parcel|shipment)\b[^!?\n]{0,12}|#\s?)$",
    re.IGNORECASE,
)
_VERSIONING = re.compile(
    r"(?:\b(?:version|ver|release|build|firmware|driver|section|chapter|clause|rev|revision|upgrade"
    r"|oid)\b[^.!?\n]{0,16}|\b[vV]|§ ?)$",
    re.IGNORECASE,
)
# Each word of the three patterns above, or a part of it: looking for them first is cheap.
_LETTER_RUNS = re.compile(r"[a-z]+")
# fmt: off
_COUNTING = frozenset((
    "order", "invoice", "ref", "reference", "ticket", "part", "sku", "serial", "isbn",
    "case", "tracking", "article", "item", "id", "lot", "batch", "model", "contract",
    "policy", "po", "issue", "bug", "rma", "parcel", "shipment", "version", "ver",
    "release", "build", "firmware", "driver", "section", "chapter", "clause", "rev",
    "revision", "upgrade", "oid", "v",
))
# fmt: on
# fmt: off
_CALLING_STEMS = (
    "phone", "tel", "tél", "call", "mobile", "cell", "fax", "whatsapp", "sms", "reach",
    "ring", "dial", "text", "numéro", "téléphone", "appel", "portable", "móvil", "handy",
    "ruf", "llam", "chiam", "ligue", "celular",
)
# fmt: on
_SEPARATORS = re.compile(r"[ .\-/()]")
_FILE_ENDINGS = re.compile(
    r"png|jpe?g|gif|svg|webp|ico|css|m?js|[jt]sx?|py|rb|go|rs|java|html?|json|xml|ya?ml|toml|txt|md"
    r"|pdf|zip|gz|service|target|timer|socket|mount|lock|local|localdomain",
    re.IGNORECASE,
)
_COUNTRY_CODES = re.compile(
    r"1|7|2[07]|3[0123469]|4[013456789]|5[12345678]|6[0123456]|8[1246]|9[0123458]"
    r"|2[1234569]\d|3[578]\d|42\d|5[09]\d|6[789]\d|8[0578]\d|9[679]\d"
)


def _dense(text: str, _outline: bytes) -> list[_Region]:
    found = [match.span() for match in _DENSE.finditer(text)]
    return _merged([(max(0, at - _MARGIN_BEFORE), end + _MARGIN_AFTER) for at, end in found])


def _merged(regions: list[_Region]) -> list[_Region]:
    """Regions in order of their starts, those that touch joined."""
    whole: list[_Region] = []
    for start, end in regions:
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole


def _abroad(text: str, _outline: bytes) -> list[_Region]:
    places = sorted([*_places(text, "+"), *_places(text, "00")])
    return _merged([(place, place + 96) for place in places])


def _shaped(*shapes: str, before: int = 2, after: int = 2) -> Callable[[str, bytes], list[_Region]]:
    """The places where digits, capitals and separators stand like that: 0 a digit, A a capital."""
    wanted = [shape.encode() for shape in shapes]

    def where(_text: str, outline: bytes) -> list[_Region]:
        places = sorted(
            (place, place + len(shape)) for shape in wanted for place in _places(outline, shape)
        )
        return _merged([(max(0, start - before), end + after) for start, end in places])

    return where


def _places(signs: AnyStr, shape: AnyStr) -> Iterator[int]:
    place = signs.find(shape)
    while place >= 0:
        yield place
        place = signs.find(shape, place + 1)


def _opened(text: str, _outline: bytes) -> list[_Region]:
    """From the opening of each secret to the end of its word; the head of a key has spaces."""
    signs = (*_SECRETS, *_SECRETS_UNDERSCORED) if "_" in text else _SECRETS
    regions: list[_Region] = []
    for place in sorted(place for sign in signs for place in _places(text, sign)):
        end = text.find(" ", place, place + _SECRET_CHARACTERS)
        end = place + _SECRET_CHARACTERS if end < 0 else end
        regions.append((place, max(end, place + _KEY_HEADER_CHARACTERS)))
    return _merged(regions)


def _at_signs(text: str, _outline: bytes) -> list[_Region]:
    """The words that hold one: an address has no spaces."""
    regions: list[_Region] = []
    end, place = 0, text.find("@")
    while place >= 0:
        # Not before the word that was read last: what is sought may stand nowhere.
        start = max(end, text.rfind(" ", end, place) + 1, text.rfind("\n", end, place) + 1)
        end = text.find(" ", place)
        end = len(text) if end < 0 else end
        regions.append((start, end))
        place = text.find("@", end)
    return regions


def _dotted(text: str, _outline: bytes) -> list[_Region]:
    return [(max(0, at.start() - 4), at.end() + 16) for at in _DOTTED.finditer(text)]


def _colons(text: str, _outline: bytes) -> list[_Region]:
    """The whole run of such signs, and one more to see that it ends there."""
    if _COLONS_NEAR.search(text) is None:
        return []
    return [(at.start(), at.end() + 1) for at in _COLONS.finditer(text)]


def _before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - _CUE_CHARACTERS) : match.start()]


def _whole(match: re.Match[str]) -> int:
    return len(match[0])


def _checked(check: Callable[[str], bool]) -> Callable[[re.Match[str]], int]:
    """The match counts when its letters and digits, separators left out, pass the check."""

    def extent(match: re.Match[str]) -> int:
        return len(match[0]) if check(re.sub(r"[\s.-]", "", match[0])) else 0

    return extent


def _email(match: re.Match[str]) -> int:
    local, _, domain = match[0].partition("@")
    if ".." in local or local[-1] in ".-" or _FILE_ENDINGS.fullmatch(domain.rpartition(".")[2]):
        return 0
    # user@host:path is a place to copy to.
    after = match.string[match.end() : match.end() + 2]
    return 0 if len(after) == 2 and after[0] == ":" and not after[1].isspace() else len(match[0])


def _iban(match: re.Match[str]) -> int:
    """The run may go on into other words; each country has its own length."""
    run = match[0]
    length = IBAN_LENGTHS.get(run[:2].upper(), len(run) + 1)
    places = [index for index, sign in enumerate(run) if sign.isalnum()]
    if length > len(places):
        return 0
    end = places[length - 1] + 1
    if end < len(run) and run[end].isalnum():
        return 0
    return end if is_iban("".join(run[place] for place in places[:length]).upper()) else 0


def _card(match: re.Match[str]) -> int:
    digits = re.sub(r"[ -]", "", match[0])
    if not _is_card_range(digits) or len(set(digits)) == 1 or not is_luhn(digits):
        return 0
    return len(match[0])


def _is_card_range(digits: str) -> bool:
    """The first digits belong to a card scheme, and the length is one of that scheme's."""
    two, four, length = int(digits[:2]), int(digits[:4]), len(digits)
    if digits[0] == "4":
        return length in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return length == 16
    if two in (34, 37):
        return length == 15
    if two in (36, 38) or 3000 <= four <= 3059:
        return length == 14
    is_other = two in (62, 65) or four == 6011 or 644 <= four // 10 <= 649 or 3528 <= four <= 3589
    return is_other and length in (16, 19)


def _international(match: re.Match[str]) -> int:
    digits = re.sub(r"\D", "", match[0])
    if match[0].startswith("00"):
        digits = digits[2:]
    if not _COUNTRY_CODES.match(digits):
        return 0
    if digits[0] == "1":
        is_long_enough = len(digits) == 11 and digits[1] in "23456789" and digits[4] in "23456789"
    else:
        is_long_enough = len(digits) == 11 if digits[0] == "7" else 9 <= len(digits) <= 14
    return len(match[0]) if is_long_enough else 0


def _national(match: re.Match[str]) -> int:
    before = _before(match)
    if _is_counted(before):
        return 0
    return len(match[0])


def _is_counted(before: str) -> bool:
    """A word such as "order" or "version" stands before; most often no word of them is near."""
    words = _LETTER_RUNS.findall(before.lower())
    if _COUNTING.isdisjoint(words) and "#" not in before and "§" not in before:
        return False
    return bool(_NUMBERING.search(before) or _VERSIONING.search(before))


def _announced(match: re.Match[str]) -> int:
    """Digits that could be anything, after a word that says what they are."""
    if not 8 <= len(_SEPARATORS.sub("", match[0])) <= 12:
        return 0
    before = _before(match)
    lowered = before.lower()
    if not any(map(lowered.__contains__, _CALLING_STEMS)) or not _CALLING.search(before):
        return 0
    return _national(match)


def _ipv4(match: re.Match[str]) -> int:
    before = _before(match)
    is_suffix = before.endswith("-") and not before[:-1].endswith(tuple("0123456789"))
    return 0 if is_suffix or _VERSIONING.search(before) else len(match[0])


def _ipv6(match: re.Match[str]) -> int:
    address = match[0]
    if sum(map(str.isalnum, address)) < 3 and address != "::1":
        return 0
    # A time of day is refused without the cost of reading it as an address.
    if "::" not in address and address.count(":") != 7:
        return 0
    # Scopes of programming languages, such as a::b, have no digit.
    if not any(map(str.isdigit, address)):
        return 0
    try:
        IPv6Address(address)
    except AddressValueError:
        return 0
    return len(address)


_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_RULES = (
    _Rule(
        "secret",
        re.compile(
            r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----|\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}"
            r"|gh[opusr]_[A-Za-z0-9]{36}|github_pat_\w{40,100}|xox[abprs]-[A-Za-z0-9-]{20,100}"
            r"|AIza[\w-]{35}|(?:sk|kn_live|sk_live|rk_live)[-_][\w-]{20,200}"
            r"|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,1000})(?![\w-])"
        ),
        _whole,
        _opened,
    ),
    _Rule(
        "email",
        re.compile(
            r"(?<![\w.+%@/-])\w[\w.%+'-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)"
            r"{1,6}[A-Za-z]{2,24}(?![\w@-])"
        ),
        _email,
        _at_signs,
    ),
    _Rule(
        "iban",
        re.compile(
            r"[A-Za-z](?<![A-Za-z0-9].)(?:(?<=[A-Z])[A-Z][0-9]{2}(?:[ -]?[A-Z0-9]){11,32}"
            r"|(?<=[a-z])[a-z][0-9]{2}[a-z0-9]{11,30})"
        ),
        _iban,
        _shaped("AA00", "aa00", before=1, after=48),
    ),
    _Rule(
        "payment_card",
        re.compile(
            r"[0-9](?<![\w.].)(?:[0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{3})?"
            r"|[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5}|[0-9]{12,18})(?!\w|-[0-9])"
        ),
        _card,
        _shaped(
            *("0000 0000 0000", "0000-0000-0000", "0000 000000 0000", "0000-000000-0000"),
            "0000000000000",
            before=8,
            after=24,
        ),
    ),
    _Rule(
        "it_codice_fiscale",
        re.compile(r"\b[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]\b"),
        _checked(is_codice_fiscale),
        _shaped("AAAAAA00A00A000A"),
    ),
    _Rule(
        "fr_nir",
        re.compile(
            r"[12](?<![\w.\-].) ?[0-9]{2} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?(?:[0-9]{2}|2[AB])"
            r" ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}(?![\w-])"
        ),
        _checked(is_nir),
        _dense,
        digits_min=14,
    ),
    _Rule(
        "br_cpf",
        re.compile(r"(?<![\w.-])[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![\w-])"),
        _checked(is_cpf),
        _shaped("000.000.000-00"),
    ),
    _Rule(
        "es_dni",
        re.compile(r"(?<![\w.-])(?:[0-9]{8}-?|[XYZ]-?[0-9]{7}-?)[A-Z](?![\w-])"),
        _checked(is_dni),
        _shaped("0000000A", "0000000-A", before=5),
    ),
    _Rule(
        "us_ssn",
        re.compile(r"(?<![\w.-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])"),
        _national,
        _shaped("000-00-0000"),
    ),
    _Rule(
        "ipv6",
        re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])"),
        _ipv6,
        _colons,
    ),
    _Rule(
        "ipv4",
        re.compile(rf"(?<![\w.]){_BYTE}(?:\.{_BYTE}){{3}}(?!\w|\.\w|-[A-Za-z])"),
        _ipv4,
        _dotted,
    ),
    _Rule(
        "phone",
        re.compile(
            r"[+0](?<![\w+.].)(?:(?<=\+)|(?<=0)(?<![0-9] 0)0 ?(?=[1-9]))[0-9]{1,4}"
            r"(?:[ .\-/]?\(?[0-9]{1,8}\)?){1,7}(?![\w-])"
        ),
        _international,
        _abroad,
    ),
    _Rule(
        "phone",
        re.compile(
            r"[(0-9](?<![\w.+\-].)(?<![0-9] .)(?:"
            r"(?:(?<=1)[ .-](?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])|(?<=\()[2-9][0-9]{2}\) ?"
            r"|(?<=[2-9])[0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}(?![\w-]|\.[0-9])"
            r"|(?<=0)[1-9](?:([ .])[0-9]{2})(?:\1[0-9]{2}){3}(?![\w-]|[ .][0-9])"
            r"|(?:(?<=\()0|(?<=0))[0-9]{2,4}\)? [0-9]{3,4} [0-9]{3,4}(?![\w-]| [0-9])"
            r"|(?<=0)7[0-9]{3} [0-9]{6}(?![\w-]))"
        ),
        _national,
        _shaped(
            *("000-000", "000.000", "000 000", "000) 000", "000)000"),
            *("00 00 00 00", "00.00.00.00"),
            before=12,
            after=16,
        ),
    ),
    _Rule(
        "phone",
        re.compile(
            r"[(0-9](?<![\w.+\-].)(?:(?<=\()[0-9]|(?<=[0-9]))(?:[ .\-/()]{0,2}[0-9]){7,11}(?![\w-])"
        ),
        _announced,
        _dense,
        digits_min=8,
    ),
)

_RULES_WITHOUT_DIGITS = tuple(rule for rule in _RULES if rule.kind in ("secret", "email"))


def find_personal_data(text: str) -> tuple[Span, ...]:
    """All finds in order of their place; where two overlap, the surer kind is kept."""
    regions: dict[Callable[[str, bytes], list[_Region]], list[_Region]] = {}
    found: list[Span] = []
    taken = bytearray(len(text))
    outline = text.encode("latin-1", "replace").translate(_OUTLINE)
    for rule in _RULES if b"0" in outline else _RULES_WITHOUT_DIGITS:
        if rule.where not in regions:
            regions[rule.where] = rule.where(text, outline)
        for start, end in regions[rule.where]:
            if outline.count(b"0", start, end) < rule.digits_min:
                continue
            # What others have taken whole holds nothing more.
            if taken.find(0, start, end) >= 0:
                found += _spans(rule, rule.pattern.finditer(text, start, end), taken)
    return tuple(sorted(found, key=lambda span: span.start))


def _spans(rule: _Rule, matches: Iterable[re.Match[str]], taken: bytearray) -> list[Span]:
    found = []
    for match in matches:
        start = match.start()
        # The extent costs more than the match, and what is taken from its start on is lost anyway.
        if taken[start] or not (length := rule.extent(match)):
            continue
        if 1 not in taken[start : start + length]:
            taken[start : start + length] = b"\1" * length
            found.append(Span(rule.kind, start, start + length))
    return found
