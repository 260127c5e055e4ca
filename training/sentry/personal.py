"""PII-1: sentences with personal data whose places are known, and sentences that only look like it.

Numbers with check digits are made here by arithmetic of its own; the detector shares no line with
this file. Half of the sentences hold nothing, and the near misses among them are one digit away.
"""

import random
import string
from collections.abc import Callable

from msgspec import Struct

__all__ = ["Marked", "make_set"]

_DIGITS = string.digits
# fmt: off
_WORDS = (
    "lorna", "delta", "orchid", "maple", "harbour", "quartz", "ember", "willow", "cobalt", "fjord",
    "sable", "tundra",
)
_NAMES = (
    "Ada", "Bela", "Chen", "Dewi", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kofi", "Lena",
    "Marek", "Noor", "Olga", "Pavel",
)
# fmt: on


class Mark(Struct, frozen=True):
    kind: str
    start: int
    end: int


class Marked(Struct, frozen=True):
    """A sentence and what is in it; ``near`` says what a sentence without marks looks like."""

    text: str
    marks: tuple[Mark, ...]
    near: str = ""


Draw = random.Random
Maker = Callable[[Draw], str]


def _digits(draw: Draw, count: int) -> str:
    return "".join(draw.choices(_DIGITS, k=count))


def _email(draw: Draw) -> str:
    name, word = draw.choice(_NAMES), draw.choice(_WORDS)
    local = draw.choice(
        [
            f"{name}.{word}",
            f"{name[0]}{word}{draw.randint(1, 99)}",
            f"{name}+{word}",
            f"{word}_{name}",
            f"{word}-team",
            f"o'{word}",
        ]
    )
    host = draw.choice(
        [
            f"{draw.choice(_WORDS)}.com",
            f"mail.{word}.co.uk",
            f"{word}-{name}.org",
            f"{word}.io",
            f"x{word}.museum",
        ]
    )
    made = f"{local}@{host}"
    return made if draw.random() < 0.3 else made.lower()


def _with_luhn(body: str) -> str:
    """The digit that brings the sum of the doubled row to a multiple of ten."""
    for last in _DIGITS:
        row = [int(digit) for digit in body + last]
        doubled = [sum(divmod(2 * digit, 10)) for digit in row[-2::-2]]
        if (sum(row[-1::-2]) + sum(doubled)) % 10 == 0:
            return body + last
    raise AssertionError("one of ten digits fits")


def _card(draw: Draw, *, is_valid: bool = True) -> str:
    prefix, length = draw.choice(
        [
            ("4", 16),
            (str(draw.randint(51, 55)), 16),
            ("2221", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("36", 14),
            ("3530", 16),
            ("62", 16),
        ]
    )
    made = _with_luhn(prefix + _digits(draw, length - len(prefix) - 1))
    if not is_valid:
        made = made[:-1] + str((int(made[-1]) + draw.randint(1, 9)) % 10)
    style = draw.random()
    if style < 0.3 or length == 14:
        return made
    separator = " " if style < 0.8 else "-"
    cuts = (4, 10) if length == 15 else (4, 8, 12)
    return separator.join(made[a:b] for a, b in zip((0, *cuts), (*cuts, length), strict=True))


_IBAN_SHAPES = {
    "DE": "18", "FR": "23", "ES": "20", "IT": "A22", "NL": "AAAA10", "GB": "AAAA14", "BE": "12",
    "CH": "17", "AT": "16", "PL": "24", "PT": "21", "SE": "20", "NO": "11", "DK": "14",
    "IE": "AAAA14",
}  # fmt: skip


def _iban(draw: Draw, *, is_valid: bool = True) -> str:
    country, shape = draw.choice(sorted(_IBAN_SHAPES.items()))
    letters = shape.count("A")
    body = "".join(draw.choices(string.ascii_uppercase, k=letters)) + _digits(
        draw, int(shape[letters:])
    )
    number = "".join(
        str(ord(sign) - 55) if sign.isalpha() else sign for sign in f"{body}{country}00"
    )
    check = 98 - int(number) % 97
    if not is_valid:
        check = 2 + (check - 2 + draw.randint(1, 95)) % 97
    made = f"{country}{check:02d}{body}"
    if draw.random() < 0.5:
        return made
    return " ".join(made[at : at + 4] for at in range(0, len(made), 4))


def _ipv4(draw: Draw) -> str:
    return ".".join(str(draw.randint(1, 254)) for _ in range(4))


def _ipv6(draw: Draw) -> str:
    groups = [f"{draw.randint(1, 65535):x}" for _ in range(8)]
    groups[0] = draw.choice(["2001", "fe80", "fd12", "2a02"])
    if draw.random() < 0.6:
        start = draw.randint(1, 5)
        made = ":".join(groups[:start]) + "::" + ":".join(groups[start + 2 :])
    else:
        made = ":".join(groups)
    return made.upper() if draw.random() < 0.2 else made


def _phone(draw: Draw) -> str:
    def some(count: int) -> str:
        return str(draw.randint(1, 9)) + _digits(draw, count - 1)

    north = (
        f"{draw.randint(2, 9)}{_digits(draw, 2)}",
        f"{draw.randint(2, 9)}{_digits(draw, 2)}",
        _digits(draw, 4),
    )
    return draw.choice(
        [
            f"+1 {north[0]} {north[1]} {north[2]}",
            f"+1-{'-'.join(north)}",
            f"({north[0]}) {north[1]}-{north[2]}",
            "-".join(north),
            ".".join(north),
            f"+44 20 {some(4)} {_digits(draw, 4)}",
            f"+44 (0)7{_digits(draw, 3)} {_digits(draw, 6)}",
            f"+33 {draw.randint(1, 7)} {' '.join(_digits(draw, 2) for _ in range(4))}",
            f"0{draw.randint(1, 7)} {' '.join(_digits(draw, 2) for _ in range(4))}",
            f"+49 {draw.choice(['30', '89', '171', '1512'])} {some(7)}",
            f"+91{draw.randint(6, 9)}{_digits(draw, 9)}",
            f"+351 9{_digits(draw, 2)} {_digits(draw, 3)} {_digits(draw, 3)}",
            f"020 {some(4)} {_digits(draw, 4)}",
            f"0034 6{_digits(draw, 8)}",
            f"+55 11 9{_digits(draw, 4)}-{_digits(draw, 4)}",
        ]
    )


def _ssn(draw: Draw) -> str:
    return f"{draw.randint(100, 665):03d}-{draw.randint(1, 99):02d}-{draw.randint(1, 9999):04d}"


def _secret(draw: Draw) -> str:
    letters = string.ascii_letters + string.digits
    return draw.choice(
        [
            "AKIA" + "".join(draw.choices(string.ascii_uppercase + _DIGITS, k=16)),
            "ghp_" + "".join(draw.choices(letters, k=36)),
            "kn_live_" + "".join(draw.choices(letters, k=32)),
            "xoxb-" + _digits(draw, 12) + "-" + "".join(draw.choices(letters, k=24)),
        ]
    )


_POSITIVES: dict[str, tuple[Maker, list[str]]] = {
    "email": (
        _email,
        [
            "Write to {}.",
            "my address is {}, thanks",
            "Contact: <{}>",
            "{} asked for a refund",
            "cc {}; do not reply",
            "Schreib an {} bitte",
            "Is {} yours?",
        ],
    ),
    "phone": (
        _phone,
        [
            "Call me on {} tonight.",
            "phone: {}",
            "My number is {}, ring before noon",
            "Tel. {} (office)",
            "you can reach us at {}.",
            "Mobile {}",
            "appelez le {} svp",
            "Fax {} or mail",
        ],
    ),
    "iban": (
        _iban,
        [
            "Please pay to {}.",
            "IBAN: {}",
            "my account {} was charged",
            "Transfer 20 EUR to {} today",
            "Konto {} bei der Bank",
            "from {} to savings",
        ],
    ),
    "payment_card": (
        _card,
        [
            "My card is {}.",
            "charge {} please",
            "Card number {}, expires 04/29",
            "they stole {} from me",
            "use {} for the booking",
            "Visa or not: {}",
        ],
    ),
    "ipv4": (
        _ipv4,
        [
            "The host {} is down.",
            "ping {} fails",
            "login from {} at 10:42",
            "http://{}/status answers",
            "block {}/24 now",
            "src={} dst=gateway",
            "ssh root@{}",
        ],
    ),
    "ipv6": (
        _ipv6,
        [
            "The host {} is down.",
            "route to {} lost",
            "listen on [{}]:443",
            "AAAA record {}",
            "login from {} at 10:42",
        ],
    ),
    "us_ssn": (_ssn, ["My SSN is {}.", "social security number {}", "SSN: {}, born in May"]),
    "secret": (
        _secret,
        ["My key is {}.", "export TOKEN={}", "the bot logs in with {} every night"],
    ),
}


def _order(draw: Draw) -> str:
    return f"{draw.randint(200, 999)}-{draw.randint(200, 999)}-{_digits(draw, 4)}"


def _moment(draw: Draw) -> str:
    day = f"{draw.randint(2019, 2026)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
    return f"{day} {draw.randint(0, 23):02d}:{draw.randint(0, 59):02d}:{draw.randint(0, 59):02d}"


def _hexadecimal(draw: Draw, sizes: tuple[int, ...], separator: str) -> str:
    return separator.join("".join(draw.choices("0123456789abcdef", k=size)) for size in sizes)


def _package(draw: Draw) -> str:
    version = f"{draw.randint(1, 9)}.{draw.randint(0, 40)}.{draw.randint(0, 9)}"
    return f"{draw.choice(_WORDS)}@{version}"


def _isbn(draw: Draw) -> str:
    middle = f"{_digits(draw, 4)}-{_digits(draw, 4)}"
    return f"978-{draw.randint(1, 9)}-{middle}-{draw.randint(0, 9)}"


def _place(draw: Draw) -> str:
    north, east = draw.randint(10, 60), draw.randint(10, 99)
    return f"{north}.{_digits(draw, 6)}, {east}.{_digits(draw, 6)}"


def _sets(draw: Draw) -> str:
    return ", ".join(f"{draw.randint(1, 6)}-{draw.randint(1, 6)}" for _ in range(3))


def _remote(draw: Draw) -> str:
    return f"git@{draw.choice(_WORDS)}.com:{draw.choice(_WORDS)}/app.git"


_NEAR_MISSES: dict[str, tuple[Maker, list[str]]] = {
    "failed card checksum": (
        lambda draw: _card(draw, is_valid=False),
        ["My card is {}.", "reference {} in the letter"],
    ),
    "failed IBAN checksum": (
        lambda draw: _iban(draw, is_valid=False),
        ["IBAN: {}", "pay to {} now"],
    ),
    "version": (
        lambda draw: ".".join(str(draw.randint(0, 30)) for _ in range(4)),
        ["version {} is out", "upgrade to v{} today", "Release {}: fixes", "firmware {} is in"],
    ),
    "long version": (
        lambda draw: f"{draw.randint(1, 12)}.0.{draw.randint(300, 20000)}.{_digits(draw, 3)}",
        ["Windows {} crashed", "build {} passed"],
    ),
    "order number": (
        _order,
        ["order {} is late", "Invoice no. {}", "part {} is missing", "ticket #{}"],
    ),
    "long number": (
        lambda draw: _digits(draw, draw.choice([7, 9, 11, 12, 18, 20])),
        ["The parcel {} is on its way", "id {} not found", "bucket {}", "we counted {} events"],
    ),
    "date and time": (_moment, ["backup of {} failed", "due on {}"]),
    "uuid": (
        lambda draw: _hexadecimal(draw, (8, 4, 4, 4, 12), "-"),
        ["request {} timed out", "see trace {}"],
    ),
    "mac address": (
        lambda draw: _hexadecimal(draw, (2,) * 6, ":"),
        ["the card {} has no lease", "wake {} up"],
    ),
    "scope": (
        lambda draw: f"{draw.choice(_WORDS)}::{draw.choice(_WORDS)}",
        ["call {} in the loop", "the type {} is gone"],
    ),
    "handle": (
        lambda draw: f"@{draw.choice(_WORDS)}{draw.randint(1, 99)}",
        ["follow {} for news", "thanks {}!"],
    ),
    "image name": (
        lambda draw: f"{draw.choice(_WORDS)}@2x.png",
        ["replace {} in the header", "{} is blurred"],
    ),
    "package": (_package, ["npm install {}", "pin {} please"]),
    "remote": (_remote, ["git clone {}", "the remote is {}"]),
    "money": (
        lambda draw: f"{draw.randint(1, 999)},{_digits(draw, 3)}.{_digits(draw, 2)}",
        ["a bill of {} dollars", "sum: {}"],
    ),
    "isbn": (_isbn, ["ISBN {} is sold out", "the book {} is fine"]),
    "coordinates": (_place, ["meet me at {}", "the antenna stands at {}"]),
    "score": (_sets, ["she won {}", "final: {}"]),
    "nothing": (
        lambda draw: draw.choice(_WORDS),
        ["nothing to see in {}", "the {} is open from 9 to 5", "I paid 12 for 3 of {}"],
    ),
}


def make_set(each: int, seed: int) -> list[Marked]:
    """``each`` sentences of every kind of personal data, and as many again without any."""
    draw = random.Random(seed)
    made = [
        _marked(kind, maker, frames[turn % len(frames)], draw)
        for kind, (maker, frames) in _POSITIVES.items()
        for turn in range(each)
    ]
    near = sorted(_NEAR_MISSES.items())
    for turn in range(len(made)):
        name, (maker, frames) = near[turn % len(near)]
        made.append(Marked(draw.choice(frames).format(maker(draw)), (), name))
    draw.shuffle(made)
    return made


def _marked(kind: str, maker: Maker, frame: str, draw: Draw) -> Marked:
    value = maker(draw)
    start = frame.index("{}")
    return Marked(frame.format(value), (Mark(kind, start, start + len(value)),))
