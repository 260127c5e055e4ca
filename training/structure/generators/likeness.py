"""Which domains of different files mean the same, so that they never stand side by side.

Authors of one file keep its tools apart; between files the same function may come twice, and a
request for one would then be answered as well by the other.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Protocol

__all__ = ["rivals"]

_ALIKE = 0.27  # cosine of the weighted words; read off the list of pairs, duplicates lie above
_COUNT_MAX = 4
_WORD = re.compile(r"[a-z]+")


class Described(Protocol):
    """The texts of a domain."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tool."""

    @property
    def descriptions(self) -> tuple[str, ...]:
        """Descriptions of the tool."""

    @property
    def requests(self) -> tuple[str, ...]:
        """Requests for the tool."""

    @property
    def area(self) -> str:
        """The file that it comes from."""


def _words(domain: Described) -> Counter[str]:
    text = " ".join([*domain.names, *domain.descriptions, *domain.requests])
    return Counter(_WORD.findall(text.replace("_", " ").lower()))


def _weighted(counts: Counter[str], seen: Counter[str], total: int) -> dict[str, float]:
    """Unit vector; words that few domains use weigh most."""
    weights = {
        word: min(count, _COUNT_MAX) * math.log(total / seen[word])
        for word, count in counts.items()
    }
    norm = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {word: weight / norm for word, weight in weights.items()}


def _cosine(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    return sum(weight * second.get(word, 0.0) for word, weight in first.items())


def rivals(domains: Sequence[Described]) -> set[frozenset[str]]:
    """Pairs of first names of domains that may not share a toolbox."""
    counts = [_words(domain) for domain in domains]
    seen = Counter(word for count in counts for word in count)
    vectors = [_weighted(count, seen, len(domains)) for count in counts]
    found = set()
    for (first, ours), (second, theirs) in combinations(zip(domains, vectors, strict=True), 2):
        same_name = bool(set(first.names) & set(second.names))
        alike = first.area != second.area and _cosine(ours, theirs) > _ALIKE
        if same_name or alike:
            found.add(frozenset((first.names[0], second.names[0])))
    return found
