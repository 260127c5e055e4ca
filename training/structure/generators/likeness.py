"""Which domains of different files mean the same, so that they never stand side by side.

Authors of one file keep its tools apart; between files the same function may come twice, and a
request for one would then be answered as well by the other.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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


def _weighted(counts: Sequence[Counter[str]]) -> NDArray[np.float32]:
    """A row of length one for each text; words that few texts use weigh most."""
    seen = Counter(word for count in counts for word in count)
    columns = {word: number for number, word in enumerate(seen)}
    weights = np.zeros((len(counts), len(columns)), np.float32)
    for row, count in enumerate(counts):
        for word, times in count.items():
            weights[row, columns[word]] = min(times, _COUNT_MAX) * math.log(
                len(counts) / seen[word]
            )
    norms = np.linalg.norm(weights, axis=1, keepdims=True)
    return weights / np.where(norms > 0, norms, 1)


def rivals(domains: Sequence[Described]) -> set[frozenset[str]]:
    """Pairs of first names of domains that may not share a toolbox."""
    vectors = _weighted([_words(domain) for domain in domains])
    is_alike = vectors @ vectors.T > _ALIKE
    names = [set(domain.names) for domain in domains]
    return {
        frozenset((domains[first].names[0], domains[second].names[0]))
        for first, second in combinations(range(len(domains)), 2)
        if (is_alike[first, second] and domains[first].area != domains[second].area)
        or not names[first].isdisjoint(names[second])
    }
