"""Kilonova Sentry: everything that can be told about a text in under a millisecond, in one scan."""

from itertools import compress

from kilonova.catalog.catalog import PACKAGED_WEIGHTS
from kilonova.guardrails.bag import Bag, Task
from kilonova.guardrails.complexity import Complexity
from kilonova.guardrails.features import LETTERS, REQUESTS, Hashes, excerpt, plain, read_runs
from kilonova.guardrails.injection import InjectionHead
from kilonova.guardrails.personal_data import find_personal_data
from kilonova.guardrails.scan import OUT_OF_SCOPE, UNDETERMINED, Guess, Scan
from kilonova.guardrails.weights import Tensors, WeightsError, read_tensors

__all__ = ["Sentry"]

_WEIGHTS = PACKAGED_WEIGHTS / "sentry-v1.safetensors"


class Sentry:
    """Reads texts; holds nothing but its weights, so one serves all threads."""

    def __init__(self, tensors: Tensors) -> None:
        self._letters = Bag(tensors, "letters")
        self._requests = Bag(tensors, "requests")
        self._language = Task(tensors, "language")
        self._intent = Task(tensors, "intent")
        self._banking = Task(tensors, "banking")
        self._injection = InjectionHead(tensors)
        self._complexity = Complexity(tensors)
        self._in_scope = float(tensors.floats("intent.threshold")[0])
        self._everyday = [label != OUT_OF_SCOPE for label in self._intent.labels]
        self.labels = {
            "language": self._language.labels,
            "intent": self._intent.labels,
            "banking": self._banking.labels,
        }

    @classmethod
    def packaged(cls) -> "Sentry":
        """The one that ships with the product. Raises WeightsError when its file is damaged."""
        try:
            digest = _WEIGHTS.with_suffix(".sha256").read_text(encoding="utf-8").split()[0]
        except (OSError, IndexError):
            raise WeightsError("the checksum of the packaged Sentry cannot be read") from None
        return cls(read_tensors(_WEIGHTS, sha256=digest))

    def scan(self, text: str) -> Scan:
        """All there is to say. Any text will do, the empty one included."""
        words = plain(text)
        read = excerpt(words)
        of_letters, of_requests = read_runs(read, (LETTERS, REQUESTS))
        requests = self._requests.read(of_requests)
        return Scan(
            language=self._name_language(read, of_letters),
            intent=self._decide(self._intent.guess(requests)),
            banking=self._banking.guess(requests),
            personal_data=find_personal_data(text),
            injection=self._injection.read(text, words),
            complexity=self._complexity.score(text, words),
        )

    def _name_language(self, read: str, runs: Hashes) -> Guess:
        guess = self._language.guess(self._letters.read(runs))
        if read.strip("0 "):
            return guess
        return Guess(UNDETERMINED, 0.0, guess.probabilities)

    def _decide(self, guess: Guess) -> Guess:
        """Out of scope, unless an everyday label is likely enough to act on it."""
        everyday = compress(guess.probabilities, self._everyday)
        if max(everyday) >= self._in_scope and guess.label != OUT_OF_SCOPE:
            return guess
        place = self._intent.labels.index(OUT_OF_SCOPE)
        return Guess(OUT_OF_SCOPE, guess.probabilities[place], guess.probabilities)
