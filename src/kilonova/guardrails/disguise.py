"""Undoes the common ways of hiding words from a filter, as far as they can be undone cheaply.

What is returned is a second reading beside the text itself; harmless text that merely looks
disguised becomes a second harmless reading.
"""

import binascii
import codecs
import re
import unicodedata
from base64 import b64decode

import numpy as np
from numpy.typing import NDArray

__all__ = ["readings"]

_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,4096}={0,2}")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_WIDE = re.compile("[\uff01-\uff5e\U0001d400-\U0001d7ff]{3}")
_MIXED = re.compile(
    "[a-z][\u0370-\u03ff\u0400-\u04ff]|[\u0370-\u03ff\u0400-\u04ff][a-z]", re.IGNORECASE
)
# What a unit of UTF-16 may be part of, in bits: text without them needs none of the patterns above.
# The patterns ignore case, so some signs outside the alphabets count for letters of them.
_UNSEEN, _BROAD, _LATIN, _OTHER = 1, 2, 4, 8
_UNITS: dict[int, tuple[str, ...]] = {
    _UNSEEN: ("\u00ad\u00ad", "\u200b\u200f", "\u2060\u2064", "\ufeff\ufeff"),
    _BROAD: ("\uff01\uff5e", "\ud835\ud835"),
    _LATIN: ("az", "AZ", "\u0130\u0131", "\u017f\u017f", "\u212a\u212a"),
    _OTHER: (
        *("\u0370\u04ff", "\u00b5\u00b5", "\u0345\u0345", "\u1c80\u1c8f", "\u1fbe\u1fbe"),
        *("\u1fd3\u1fd3", "\u1fe3\u1fe3"),
        *("\u2126\u2126", "\ua64a\ua64b"),
    ),
}
_TWINS = str.maketrans("асеорхуіһԁјѕӏαοερν", "aceopxyihdjslaoepv")
_LEET = re.compile(r"(?<=[A-Za-z])[013457]{1,2}(?=[A-Za-z])")
_WORDS_PER_LEET = 8  # fewer digits inside words are names and numbers
# One look at an outline tells whether the slower patterns can match at all.
_OUTLINE = bytes.maketrans(
    b"bcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-*_", b"a" * 51 + b" " * 4
)
_DIGITS = bytes.maketrans(b"13457", b"0" * 5)
_RUN = bytes.maketrans(b" 0123456789+/", b"-" + b"a" * 12)
_LETTERS = str.maketrans("013457@$", "oieastas")
_SPACED = re.compile(r"(?<!\S)(?:[A-Za-z]([ .\-*_])){2}(?:[A-Za-z]\1)*[A-Za-z](?!\w)")
_ROT13 = ("vtaber", "cebzcg", "vafgehpg", "ehyrf", "erfgevpgvba", "qvfertneq", "fnl ", "gryy zr")
_BACKWARDS = ("erongi", "tpmorp", "tcurtsni", "selur", "teg", "yas", "llet", "uoy")


def _kinds() -> NDArray[np.uint8]:
    kinds = np.zeros(1 << 16, dtype=np.uint8)
    for kind, ranges in _UNITS.items():
        for ends in ranges:
            kinds[ord(ends[0]) : ord(ends[-1]) + 1] = kind
    return kinds


_KINDS = _kinds()


def readings(text: str, lowered: str) -> list[str]:
    """What else the text may say; ``lowered`` is it in lower case."""
    outline = text.encode("latin-1", "replace").translate(_OUTLINE)
    found = _decoded(text) if b"a" * 24 in outline.translate(_RUN) else []
    undone = text
    if not text.isascii():
        undone = _visible(text)
    if _is_leet(text, outline):
        undone = undone.translate(_LETTERS)
    if b"a a a" in outline and _SPACED.search(undone):
        undone = _SPACED.sub(lambda match: match[0].replace(match[1], ""), undone)
    if undone != text:
        found.append(undone)
    if any(map(lowered.__contains__, _ROT13)):
        found.append(codecs.encode(text, "rot13"))
    if sum(map(lowered.__contains__, _BACKWARDS)) > 1:
        found.append(text[::-1])
    return found


def _is_leet(text: str, outline: bytes) -> bool:
    digits = outline.translate(_DIGITS)
    if b"a0a" not in digits and b"a00a" not in digits:
        return False
    most = max(_WORDS_PER_LEET, text.count(" "))
    # Each digit of that kind stands after a letter, which is cheaper to count.
    if _WORDS_PER_LEET * digits.count(b"a0") <= most:
        return False
    return _WORDS_PER_LEET * len(_LEET.findall(text)) > most


def _visible(text: str) -> str:
    kinds = _KINDS.take(np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype=np.uint16))
    both = kinds[1:] | kinds[:-1]
    has_mixed = bool(((both & (_LATIN | _OTHER)) == (_LATIN | _OTHER)).any())
    if not has_mixed and not np.bitwise_or.reduce(kinds) & (_UNSEEN | _BROAD):
        return text
    if _INVISIBLE.search(text):
        text = _INVISIBLE.sub("", text)
    if _WIDE.search(text):
        text = unicodedata.normalize("NFKC", text)
    return text.lower().translate(_TWINS) if _MIXED.search(text) else text


def _decoded(text: str) -> list[str]:
    """The readable text of the base64 runs."""
    found = []
    for run in _BASE64.findall(text):
        body = run.rstrip("=")
        try:
            decoded = b64decode(body + "=" * (-len(body) % 4))
        except binascii.Error:
            continue
        if decoded.isascii():
            found.append(decoded.decode())
    return ["\n".join(found)] if found else []
