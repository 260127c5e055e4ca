"""How much work an answer is: signs that cost nothing to count, and a straight line through them.

The line is fitted to the number of steps in worked solutions, with everyday requests at none; the
score is that number of steps over eight, kept between 0 and 1. It knows no subject: a short hard
question looks easy to it.
"""

import re

import numpy as np
from numpy.typing import NDArray

from kilonova.guardrails.weights import Tensors

__all__ = ["SIGNS", "STEPS_MAX", "Complexity", "count_signs"]

STEPS_MAX = 8.0

# Each count levels off here, so that a long paste does not drown the rest.
SIGNS = {
    "words": 150,
    "sentences": 12,
    "numbers": 12,
    "clauses": 20,
    "conditions": 6,
    "relations": 8,
    "tasks": 4,
    "code": 10,
    "lines": 20,
}
_LEVELS = np.array(list(SIGNS.values()), dtype=np.float32)
_SENTENCES = re.compile(r"[.!?;。？！]+(?:\s|$)")
# The same for ASCII by outlines: the ends of sentences as dots, every digit a nought. The marks of
# numbers are left out of theirs: they never part a number, and alone they are none.
_ENDS = bytes.maketrans(b"!?;\t\n\r\v\f\x1c\x1d\x1e\x1f", b"..." + b" " * 9)
_FIGURES = bytes(0x30 if 0x30 <= sign <= 0x39 else 0x20 for sign in range(256))
_FIGURE_MARKS = b".,:/%"
# fmt: off
_CONDITIONS = frozenset((
    "if", "unless", "when", "until", "after", "before", "while", "because", "since", "except",
    "without", "although", "whether",
))
_RELATIONS = frozenset((
    "each", "every", "per", "twice", "half", "double", "times", "more", "less", "fewer", "than",
    "total", "sum", "average", "remaining", "left", "rest", "both", "percent", "ratio", "equal",
    "equally", "altogether",
))
_TASKS = frozenset((
    "explain", "compare", "prove", "derive", "analyse", "analyze", "design", "implement",
    "refactor", "debug", "optimise", "optimize", "plan", "evaluate", "steps", "calculate", "why",
    "how",
))
# fmt: on
_CODE_WORDS = ("def", "class", "SELECT", "return", "import", "function")
_CODE_SIGNS = "{}<>=`\\|"
_CLAUSE_SIGNS = ",:;()–—"
# One look at each word tells which of the three it counts for.
_WORD_SIGNS = (
    dict.fromkeys(_CONDITIONS, 1) | dict.fromkeys(_RELATIONS, 2) | dict.fromkeys(_TASKS, 3)
)


def count_signs(text: str, words: str) -> NDArray[np.float32]:
    """A number between 0 and 1 for each of ``SIGNS``, in order; ``words``: the text's ``plain``."""
    split = words.split()
    kinds = list(map(_WORD_SIGNS.get, split))
    code = sum(map(text.count, _CODE_SIGNS)) + sum(_count_word(text, one) for one in _CODE_WORDS)
    counts = (
        len(split),
        _count_sentences(text),
        _count_numbers(text),
        sum(map(text.count, _CLAUSE_SIGNS)),
        kinds.count(1),
        kinds.count(2),
        kinds.count(3),
        code,
        text.count("\n"),
    )
    shares: NDArray[np.float32] = np.array(counts, dtype=np.float32) / _LEVELS
    return shares.clip(max=1)


def _count_sentences(text: str) -> int:
    if not text.isascii():
        return len(_SENTENCES.findall(text))
    outline = text.encode().translate(_ENDS)
    return outline.count(b". ") + outline.endswith(b".")


def _count_numbers(text: str) -> int:
    """Runs of digits and the marks inside numbers, in which there is a digit."""
    return len(text.encode("latin-1", "replace").translate(_FIGURES, _FIGURE_MARKS).split())


def _count_word(text: str, word: str) -> int:
    """How often it stands there with no letter, digit or underscore beside it."""
    count, place = 0, text.find(word)
    while place >= 0:
        end = place + len(word)
        beside = text[max(0, place - 1) : place] + text[end : end + 1]
        count += not any(sign.isalnum() or sign == "_" for sign in beside)
        place = text.find(word, end)
    return count


class Complexity:
    """The fitted line."""

    def __init__(self, tensors: Tensors) -> None:
        self._weights = tensors.floats("complexity.weights")
        self._shift = float(tensors.floats("complexity.shift")[0])

    def score(self, text: str, words: str) -> float:
        """0: one look-up answers it. 1: eight steps of work or more."""
        steps = float(self._weights @ count_signs(text, words)) + self._shift
        return min(1.0, max(0.0, steps / STEPS_MAX))
