"""Seeded choice: one `Draw` is the only source of randomness and of open vocabulary.

A value drawn here is rarely seen twice, so the model must copy it from the prompt. The split keeps
whole words and phrases apart: what training draws, the held-out evaluation never does.
"""

import enum
import random
import tomllib
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

__all__ = ["Draw", "Split", "part", "pool", "verb_phrases"]

_HELDOUT_ONE_IN = 8
_ONSETS = [
    "b",
    "c",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "w",
    "z",
    "br",
    "ch",
    "cl",
    "dr",
    "fl",
    "gr",
    "kl",
    "pr",
    "sh",
    "st",
    "th",
    "tr",
    "qu",
]
_VOWELS = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ai", "ea", "ou", "y"]
_CODAS = ["", "", "", "n", "r", "l", "s", "m", "t", "k", "nd", "rt", "x"]


class Split(enum.StrEnum):
    """Which half of every pool may be used."""

    TRAIN = "train"
    HELDOUT = "heldout"


def part(items: Sequence[T], split: Split, *, key: Callable[[T], str] = str) -> tuple[T, ...]:
    """The items of one split, decided by each item's own text and nothing else."""
    wanted = split is Split.HELDOUT
    return tuple(
        item for item in items if (zlib.crc32(key(item).encode()) % _HELDOUT_ONE_IN == 0) is wanted
    )


@cache
def _pools() -> dict[str, object]:
    return tomllib.loads(Path(__file__).with_name("pools.toml").read_text(encoding="utf-8"))


@cache
def pool(name: str, split: Split) -> tuple[str, ...]:
    """One word pool; entries are separated by blanks, or by bars and line breaks."""
    text = str(_pools()[name]).strip()
    parts = text.replace("\n", "|").split("|") if "|" in text else text.split()
    return part(sorted(set(parts)), split)


@cache
def verb_phrases(split: Split) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Verbs of tool names with the phrases that users say for them."""
    verbs = _pools()["verbs"]
    assert isinstance(verbs, dict)
    pairs = [(str(verb), tuple(phrases)) for verb, phrases in verbs.items()]
    return part(pairs, split, key=lambda pair: pair[0])


@cache
def _kept(items: tuple[T, ...], split: Split) -> tuple[T, ...]:
    return part(items, split) or items


class Draw:
    """A random stream bound to a split and, where the corpus is at hand, to real sentences."""

    def __init__(
        self,
        seed: int | str,
        split: Split,
        sentences: Sequence[str] = (),
        words: Sequence[str] = (),
    ) -> None:
        self._random = random.Random(f"{split}/{seed}")
        self.split = split
        self._sentences = sentences or pool("sentences", split)
        self._words = part(words, split)

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self._random.random() < probability

    def whole(self, low: int, high: int) -> int:
        """An integer, both ends included."""
        return self._random.randint(low, high)

    def one(self, items: Sequence[T]) -> T:
        """One item."""
        return items[self._random.randrange(len(items))]

    def weighted(self, weights: dict[T, float]) -> T:
        """One key, with odds by its value."""
        return self._random.choices(list(weights), weights=list(weights.values()))[0]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """Distinct positions, in random order."""
        return self._random.sample(list(items), min(count, len(items)))

    def kept(self, items: Sequence[T]) -> T:
        """One item of this split's part of a fixed list of phrases."""
        return self.one(_kept(tuple(items), self.split))

    def word(self, name: str) -> str:
        """One entry of a pool, from this split."""
        return self.one(pool(name, self.split))

    @property
    def is_open(self) -> bool:
        """Whether words of real text are at hand beside the pools."""
        return bool(self._words)

    def any_word(self, name: str) -> str:
        """One entry of a pool or, where real text is at hand, half the time any word of it."""
        return self.one(self._words) if self._words and self.chance(0.5) else self.word(name)

    def coined(self, syllables: int | None = None) -> str:
        """A made-up word such as `talovar`."""
        count = syllables or self.whole(2, 3)
        return "".join(
            self.one(_ONSETS) + self.one(_VOWELS) + self.one(_CODAS) for _ in range(count)
        )

    def digits(self, count: int) -> str:
        """A digit string that does not start with zero."""
        return str(self.whole(10 ** (count - 1), 10**count - 1))

    def place(self) -> str:
        """A city, half of them made up."""
        if self.chance(0.45):
            return self.word("cities")
        name = self.coined().capitalize()
        if self.chance(0.2):
            return f"{self.one(('San', 'Port', 'New', 'Saint', 'Upper', 'Bad'))} {name}"
        return name

    def given_name(self) -> str:
        """A given name, a third of them made up."""
        return self.coined(2).capitalize() if self.chance(0.35) else self.word("given_names")

    def person(self) -> str:
        """A given name and usually a family name."""
        family = self.coined().capitalize() if self.chance(0.4) else self.word("family_names")
        return self.given_name() if self.chance(0.25) else f"{self.given_name()} {family}"

    def company(self) -> str:
        """A company name."""
        return f"{self.coined().capitalize()} {self.word('companies')}"

    def thing(self) -> str:
        """A short noun phrase, such as `old blue lamp` or `voranti cable`."""
        first = self.coined() if self.chance(0.3) else self.any_word("adjectives")
        noun = self.any_word("objects") if self.chance(0.8) else self.coined()
        return f"{first} {noun}" if self.chance(0.75) else noun

    def topic(self) -> str:
        """Something to search for."""
        kind = self.whole(0, 3)
        if kind == 0:
            return self.word("topics")
        if kind == 1:
            return f"{self.thing()} {self.one(('prices', 'reviews', 'manual', 'news', 'ideas'))}"
        return self.thing() if kind == 2 else f"{self.thing()} in {self.place()}"

    def sentence(self) -> str:
        """A sentence to be carried over unchanged."""
        if self.chance(0.3):
            return f"{self.given_name()} {self.one(_ACTS)} the {self.thing()}"
        return self.one(self._sentences).strip().rstrip(".")


_ACTS = ("needs", "lost", "found", "bought", "returned", "fixed", "wants", "sold", "painted")
