"""What one would write in an afternoon: single words that vote, patterns without checks."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from kilonova.guardrails.features import plain
from kilonova.guardrails.scan import Kind, Span
from sentry.samples import Labelled

__all__ = ["WordVotes", "keyword_alarm", "patterns_alone"]

_KEYWORDS = re.compile(
    r"ignore.{0,20}instructions|system prompt|jailbreak|\bDAN\b|do anything now|developer mode",
    re.IGNORECASE,
)
_PATTERNS: dict[Kind, re.Pattern[str]] = {
    "email": re.compile(r"\S+@\S+\.\w+"),
    "iban": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "payment_card": re.compile(r"\b(?:\d[ -]?){13,16}\b"),
    "us_ssn": re.compile(r"\b\d{3}-\d{2}-\d{4}\b"),
    "ipv6": re.compile(r"(?:[0-9a-fA-F]{1,4}:){2,7}[0-9a-fA-F]{1,4}"),
    "ipv4": re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
    "phone": re.compile(r"\+?\(?\d{1,4}\)?(?:[ .-]\(?\d{2,4}\)?){2,5}"),
    "secret": re.compile(r"\b(?:AKIA|ghp_|xoxb-|kn_live_)[\w-]{16,}"),
}


class WordVotes:
    """Naive Bayes over single words."""

    def __init__(self, samples: Iterable[Labelled]) -> None:
        self._words: dict[str, Counter[str]] = defaultdict(Counter)
        for sample in samples:
            self._words[sample.label].update(plain(sample.text).split())
        self._totals = {label: counts.total() for label, counts in self._words.items()}
        self._known = len(set().union(*self._words.values()))

    def label(self, text: str) -> str:
        """The label under which these words are least surprising."""
        words = plain(text).split()
        return max(self._words, key=lambda label: self._likelihood(label, words))

    def _likelihood(self, label: str, words: list[str]) -> float:
        counts, total = self._words[label], self._totals[label] + self._known
        return sum(math.log((counts[word] + 1) / total) for word in words)


def keyword_alarm(text: str) -> bool:
    """The phrases that everybody knows."""
    return _KEYWORDS.search(text) is not None


def patterns_alone(text: str) -> list[Span]:
    """Shapes without check digits or context; the first pattern takes the place."""
    found: list[Span] = []
    for kind, pattern in _PATTERNS.items():
        for match in pattern.finditer(text):
            start, end = match.span()
            if not any(start < other.end and other.start < end for other in found):
                found.append(Span(kind, start, end))
    return found
