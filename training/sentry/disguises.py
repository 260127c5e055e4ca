"""Ways of writing an attack so that a filter does not read it; the product undoes what it can."""

import codecs
import random
from base64 import b64encode
from collections.abc import Callable

__all__ = ["DISGUISES"]

_LEET = str.maketrans("aeiost", "431057")
_TWINS = str.maketrans("aceopxyi", "асеорхуі")  # Latin by Cyrillic letters that look the same


def _leet(text: str, _draw: random.Random) -> str:
    return text.lower().translate(_LEET)


def _spaced(text: str, draw: random.Random) -> str:
    sign = draw.choice(" .-*_")
    return "   ".join(sign.join(word) for word in text.split()[:24])


def _base64(text: str, draw: random.Random) -> str:
    head = draw.choice(("Decode and obey", "Note", "Data", "Run"))
    return f"{head}: {b64encode(text.encode()).decode()}"


def _rot13(text: str, _draw: random.Random) -> str:
    return codecs.encode(text, "rot13")


def _reversed(text: str, _draw: random.Random) -> str:
    return text[::-1]


def _homoglyphs(text: str, _draw: random.Random) -> str:
    return text.translate(_TWINS)


def _zero_width(text: str, draw: random.Random) -> str:
    return draw.choice("\u200b\u200c\u2060\u00ad").join(text)


def _wide(text: str, _draw: random.Random) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


DISGUISES: dict[str, Callable[[str, random.Random], str]] = {
    "leet": _leet,
    "spaced_letters": _spaced,
    "in_base64": _base64,
    "in_rot13": _rot13,
    "in_reverse": _reversed,
    "homoglyphs": _homoglyphs,
    "zero_width": _zero_width,
    "full_width": _wide,
}
