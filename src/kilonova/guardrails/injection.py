"""Known ways of talking a model out of its orders: patterns, and a linear head over word stems.

It knows the families that it was taught and what resembles them. Somebody who rewords an attack can
get past it; treat a flag as a reason to look, and no flag as no proof.
"""

import math
import re
from collections.abc import Iterable
from itertools import repeat

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from kilonova.guardrails.bag import rows_of
from kilonova.guardrails.concepts import CONCEPTS
from kilonova.guardrails.disguise import readings
from kilonova.guardrails.features import Hashes, blended, plain
from kilonova.guardrails.scan import Injection
from kilonova.guardrails.weights import Tensors

__all__ = ["WINDOW_WORDS", "InjectionHead", "Signs", "matched_patterns", "read_signs"]

# The head reads that many words at once at most, or half of them: an order may stand alone in a
# text about something else. Windows begin every quarter.
WINDOW_WORDS = 32

_ORDERS = (
    r"(?:instruction|direction|prompt|rule|guideline|restriction|polic|command|directive|filter)"
)
_PATTERNS = {
    "override": re.compile(
        r"\b(?:ignore|disregard|forget|override|bypass)\b[^.!?\n]{0,40}"
        rf"\b(?:previous|prior|earlier|preceding|above|your|existing)\b[^.!?\n]{{0,24}}{_ORDERS}"
    ),
    "prompt_leak": re.compile(
        r"\b(?:reveal|print|show|repeat|output|display|dump|give me|tell me|what is|what are)\b"
        r"[^.!?\n]{0,24}\b(?:your|the)\b[^.!?\n]{0,24}"
        r"\b(?:system prompt|(?:hidden|initial|secret) (?:instructions|prompt)|developer message)"
    ),
    "persona": re.compile(
        r"\b(?:you are|act as|pretend|enter|switch)\b[^.!?\n]{0,48}"
        r"\b(?:dan\b|do anything now|(?:jailbreak|unrestricted|uncensored|unfiltered|god) "
        r"(?:mode|ai|assistant|model))"
    ),
    "forged_turns": re.compile(
        r"<\|(?:im_start|im_end|system|assistant|endoftext)\|>|<</?sys>>|\[/?inst\]|</?system(?:_prompt)?>"
        r"|\n### (?:system|instruction|response):"
    ),
    "exfiltration": re.compile(r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{1,200}\?[^)\s=]{1,40}="),
}
# One of these stands in whatever a pattern matches, and looking for them costs next to nothing.
_CLUES = {
    "override": ("ignore", "disregard", "forget", "override", "bypass"),
    "prompt_leak": ("system prompt", "hidden", "initial", "secret", "developer message"),
    "persona": ("dan", "do anything now", "mode", "unrestricted", "uncensored", "unfiltered"),
    "forged_turns": ("<", "[", "###"),
    "exfiltration": ("](http",),
}
# Signs that reorder or hide text; joiners and spaces that scripts need are not among them.
_HIDDEN = re.compile(r"[\u202a-\u202e\u2066-\u2069]|[\U000e0000-\U000e007f]{3}")
# Scripts without spaces are read sign by sign.
_UNSPACED = re.compile("([\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff])")
_SPACE = np.uint32(ord(" "))
# So many letters of a word count: endings differ by person, number and language.
_LETTERS = np.arange(5)[:, None]
_LETTER_SALTS = np.array(
    (
        0x9E3779B97F4A7C15,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0xD6E8FEB86659FD93,
        0xA0761D6478BD642F,
    ),
    dtype=np.uint64,
)[:, None]
_NOUGHTS = repeat(0)
_ONE, _TWO, _FIVE, _SEVEN = (np.uint64(salt) for salt in (1, 2, 5, 7))
_REACH = 8  # words between two concepts that are read as one phrase
_QUARTERS = 4  # of a window
_QUARTERS_READ = (2, 4)
_FAR = 16  # words between two that are merely read together
_STEPS = (1, 2, 3, 4)  # how many concepts on the second of such a pair stands
# A short text may also talk about the wording of attacks: there it only adds to the evidence.
_TALK_CHARACTERS = 300
_WORDED = frozenset(("override", "prompt_leak", "persona"))
_WORDED_EVIDENCE = 3.0


class Signs(Struct, frozen=True):
    """What the head weighs: a feature, and the word at which it begins."""

    hashes: Hashes
    places: NDArray[np.intp]
    words: int


def read_signs(words: str) -> Signs:
    """Stems and pairs of them, and of ``plain`` text's concepts: runs of up to three, and pairs."""
    if not words.isascii() and _UNSPACED.search(words):
        words = " ".join(_UNSPACED.split(words)).strip()
        while "  " in words:
            words = words.replace("  ", " ")
    split = words.split(" ")
    stems = _stems(words)
    numbers = np.fromiter(map(CONCEPTS.get, split, _NOUGHTS), np.uint64, len(split))
    at = np.flatnonzero(numbers)
    concepts = numbers[at]
    near = np.diff(at) <= _REACH
    two_near, three_near = np.flatnonzero(near), np.flatnonzero(near[:-1] & near[1:])
    one, other = _together(at, concepts)
    low, high = (
        np.minimum(concepts[one], concepts[other]),
        np.maximum(concepts[one], concepts[other]),
    )
    # One hashing for all pairs: what differs between the kinds is the salt.
    first = (stems, stems[:-1], concepts, low, concepts[:-1])
    second = (stems, stems[1:] + _ONE, concepts + _FIVE, high + _SEVEN, concepts[1:] + _TWO)
    mixed = blended(np.concatenate(first), np.concatenate(second), 0)
    start = len(mixed) - len(concepts[:-1])
    two = mixed[start:]
    three = blended(two[:-1], concepts[2:], 4)
    order = np.arange(len(split))
    return Signs(
        np.concatenate((mixed[:start], two[two_near], three[three_near])),
        np.concatenate((order, order[:-1], at, at[one], at[two_near], at[three_near])),
        len(split),
    )


def _stems(words: str) -> Hashes:
    """A number for the first letters of each word."""
    signs = np.frombuffer(f"{words} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    ends = np.flatnonzero(signs == _SPACE)
    starts = np.empty_like(ends)
    starts[0], starts[1:] = 0, ends[:-1] + 1
    places = starts + _LETTERS
    inside = places < ends
    np.minimum(places, len(signs) - 1, out=places)
    letters = signs.take(places) * inside
    stems: Hashes = (letters * _LETTER_SALTS).sum(axis=0, dtype=np.uint64)
    return stems


def _together(at: NDArray[np.intp], concepts: Hashes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All pairs of different concepts that stand close, whatever stands between them."""
    order = np.arange(len(at))
    one = np.concatenate([order[:-step] for step in _STEPS])
    other = np.concatenate([order[step:] for step in _STEPS])
    kept = (at[other] - at[one] <= _FAR) & (concepts[one] != concepts[other])
    return one[kept], other[kept]


def matched_patterns(text: str, lowered: str, hidden: Iterable[str]) -> tuple[str, ...]:
    """The families whose signs stand in the text, or in what is hidden in it; ``lowered`` is the
    text in lower case."""
    families = _matches(lowered)
    if not text.isascii() and _HIDDEN.search(text):
        families.append("hidden_text")
    if any(_matches(inner.lower()) for inner in hidden):
        families.append("encoded")
    return tuple(families)


def _matches(lowered: str) -> list[str]:
    return [
        family
        for family, pattern in _PATTERNS.items()
        if any(map(lowered.__contains__, _CLUES[family])) and pattern.search(lowered)
    ]


class InjectionHead:
    """A weight for every sign; the worst window of the text counts.

    The scores are moved so that the alarm starts at one half.
    """

    def __init__(self, tensors: Tensors) -> None:
        self._weights = tensors.floats("injection.weights")
        self._shift = float(tensors.floats("injection.shift")[0])

    def read(self, text: str, words: str) -> Injection:
        """``words`` is the text's ``plain``. What nobody writes in peace leaves no doubt."""
        lowered = text.lower()
        hidden = readings(text, lowered)
        families = matched_patterns(text, lowered, hidden)
        if families and not (_WORDED.issuperset(families) and len(text) <= _TALK_CHARACTERS):
            return Injection(1.0, families)
        evidence = max(map(self.evidence, (words, *map(plain, hidden))))
        if families:
            evidence += _WORDED_EVIDENCE
        return Injection(1.0 / (1.0 + math.exp(-evidence)), families)

    def evidence(self, words: str) -> float:
        """What speaks for an attack in the worst window: above nought is an alarm."""
        signs = read_signs(words)
        weights = self._weights.take(rows_of(signs.hashes, len(self._weights)))
        sums = np.bincount(signs.places // (WINDOW_WORDS // 4), weights)
        before = np.zeros(max(_QUARTERS, len(sums)) + 1)
        np.cumsum(sums, out=before[1 : len(sums) + 1])
        before[len(sums) + 1 :] = before[len(sums)]
        worst = max(float((before[size:] - before[:-size]).max()) for size in _QUARTERS_READ)
        # The worst of many windows looks bad by chance, so the odds are divided by their number.
        evidence = worst - math.log(max(1.0, len(sums) / 2 - 1)) + self._shift
        return min(30.0, max(-30.0, evidence))
