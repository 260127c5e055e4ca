"""Text → numbered features: hashed runs of characters and of words.

Nothing here is learned. Training and serving read text through this one file, so that a weight
means the same in both. Every feature is a 64-bit hash; a head cuts it down to the rows that it has.
"""

import re
from zlib import crc32

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

__all__ = [
    "CHARACTERS_MAX",
    "LETTERS",
    "REQUESTS",
    "Hashes",
    "Runs",
    "blended",
    "excerpt",
    "features",
    "hashed_words",
    "plain",
    "read_runs",
    "word_runs",
]

Hashes = NDArray[np.uint64]

# The heads for language and intent read this much of a text, half from its start and half from its
# end, where instructions stand.
CHARACTERS_MAX = 800


class Runs(Struct, frozen=True):
    """Which features a head has: runs of so many characters, and of up to so many words."""

    characters: range
    words_max: int


LETTERS = Runs(range(1, 5), 1)
REQUESTS = Runs(range(3, 6), 2)

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FINISHER = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)
_WORD_SALT = np.uint64(0x2545F4914F6CDD1D)

# Digits count as one sign; marks and controls part words. Letters of any script stay.
_MARKS = (
    *((0x0000, 0x002F), (0x003A, 0x0040), (0x005B, 0x0060), (0x007B, 0x00A9), (0x00AB, 0x00B4)),
    *((0x00B6, 0x00B9), (0x00BB, 0x00BF), (0x2000, 0x206F), (0x2190, 0x2BFF), (0x3000, 0x3004)),
    *((0x3008, 0x3020), (0xFF00, 0xFF0F), (0xFF1A, 0xFF20), (0xFEFF, 0xFEFF)),
)
_UTF_16 = "utf-16-le"


def _signs() -> NDArray[np.uint16]:
    """What each unit of UTF-16 becomes; those of signs beyond the first plane stay."""
    signs = np.arange(1 << 16, dtype=np.uint16)
    for first, last in _MARKS:
        signs[first : last + 1] = ord(" ")
    signs[ord("0") : ord("9") + 1] = ord("0")
    return signs


_SIGNS = _signs()
_ASCII = bytes(_SIGNS[:128].astype(np.uint8)) + bytes(128)
_SPACES = re.compile("  +")
_ZEROS = re.compile("00+")


def plain(text: str) -> str:
    """Lower case, words between single spaces, each number a ``0``."""
    lowered = text.lower()
    if lowered.isascii():
        parted = lowered.encode().translate(_ASCII).decode()
    else:
        units = np.frombuffer(lowered.encode(_UTF_16, "surrogatepass"), dtype=np.uint16)
        parted = _SIGNS.take(units).tobytes().decode(_UTF_16, "surrogatepass")
    if "  " in parted:
        parted = _SPACES.sub(" ", parted)
    if "00" in parted:
        parted = _ZEROS.sub("0", parted)
    return parted.strip()


def excerpt(text: str) -> str:
    """The start and the end of a long text; a short one whole."""
    if len(text) <= CHARACTERS_MAX:
        return text
    half = CHARACTERS_MAX // 2
    return f"{text[:half]} {text[-half:]}"


def features(words: str, runs: Runs) -> Hashes:
    """All features of ``plain`` text."""
    return read_runs(words, (runs,))[0]


def read_runs(words: str, wanted: tuple[Runs, ...]) -> list[Hashes]:
    """The features of several heads, hashed once: runs of characters, shortest first, and of words.

    Spaces count as characters, one at each end included.
    """
    lengths = range(1, max(runs.characters.stop for runs in wanted))
    characters = _character_runs(words, lengths)
    ordered = word_runs(words, max(runs.words_max for runs in wanted))
    return [
        np.concatenate(
            [
                *characters[runs.characters.start - 1 : runs.characters.stop - 1],
                *ordered[: runs.words_max],
            ]
        )
        for runs in wanted
    ]


def _character_runs(words: str, lengths: range) -> list[Hashes]:
    encoded = f" {words} ".encode("utf-32-le", "surrogatepass")
    rolling = codes = np.frombuffer(encoded, dtype=np.uint32).astype(np.uint64)
    runs: list[Hashes] = []
    for length in lengths:
        following = codes[length - 1 :]
        mixed = (rolling[: len(following)] if length > 1 else 0) + following
        mixed += np.uint64(length)
        mixed *= _MULTIPLIER
        mixed ^= mixed >> _HALF
        rolling = mixed
        runs.append(mixed * _FINISHER)
    return runs


def word_runs(words: str, length_max: int) -> list[Hashes]:
    """Hashes of single words, of pairs, and so on; each list starts at the first word."""
    singles = hashed_words(words.split())
    runs: list[Hashes] = []
    rolling = np.zeros(len(singles), dtype=np.uint64)
    for length in range(1, length_max + 1):
        following = singles[length - 1 :]
        rolling = (rolling[: len(following)] + following + _WORD_SALT) * _MULTIPLIER
        rolling ^= rolling >> _HALF
        runs.append(rolling * _FINISHER)
    return runs


def hashed_words(split: list[str]) -> Hashes:
    """One number a word."""
    encoded = "\0".join(split).encode(errors="surrogatepass").split(b"\0") if split else []
    return np.fromiter(map(crc32, encoded), dtype=np.uint64, count=len(split))


def blended(first: Hashes, second: Hashes, salt: int) -> Hashes:
    """One hash for each pair of hashes; the same pair under another salt is another hash."""
    mixed: Hashes = (first * _MULTIPLIER + second + np.uint64(salt)) * _MULTIPLIER
    mixed ^= mixed >> _HALF
    return mixed * _FINISHER
