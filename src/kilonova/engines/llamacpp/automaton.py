"""Regular expressions as deterministic automata, and those as grammar rules.

llama.cpp follows every way in which a text may match at once, and nested repetition has very many:
``(a?){1000}`` stood still for minutes, with all other requests in the child (measured). In a
deterministic automaton there is one way. It is built with derivatives (Brzozowski, 1964), within a
bound of states and steps; a pattern beyond it is refused.
"""

import itertools
from collections.abc import Iterable

from msgspec import Struct

__all__ = ["EMPTY", "NEVER", "Terms", "TooComplex"]

_STATES_MAX = 512
_STEPS_MAX = 20_000
_SURROGATES = (0xD800, 0xDFFF)
_Span = tuple[int, int]

# Characters that a JSON string holds as two: the letter after the backslash.
_ESCAPED = {34: '"', 92: "\\", 8: "b", 9: "t", 10: "n", 12: "f", 13: "r"}

# Two terms that are always there: the empty text alone, and no text at all.
EMPTY, NEVER = 0, 1


class TooComplex(Exception):
    """The automaton would have too many states, take too long to build, or match nothing."""


class _Term(Struct, frozen=True):
    """A set of texts. ``kind`` is empty, set, then, either or repeat; never is an empty either."""

    kind: str
    spans: tuple[_Span, ...] = ()
    parts: tuple[int, ...] = ()
    low: int = 0
    high: int | None = None
    is_nullable: bool = False


class Terms:
    """The terms of one pattern. Equal terms have the same number, so that they compare at once."""

    def __init__(self) -> None:
        self._terms: list[_Term] = []
        self._numbers: dict[_Term, int] = {}
        self._known: dict[tuple[int, int], int] = {}
        self._steps = 0
        assert self._number(_Term("empty", is_nullable=True)) == EMPTY
        assert self._number(_Term("either")) == NEVER

    def _number(self, term: _Term) -> int:
        number = self._numbers.get(term)
        if number is None:
            number = self._numbers[term] = len(self._terms)
            self._terms.append(term)
        return number

    def one_of(self, spans: Iterable[_Span]) -> int:
        """One character of these spans."""
        return self._number(_Term("set", tuple(sorted(spans))))

    def then(self, first: int, second: int) -> int:
        """A text of ``first`` and one of ``second`` after it."""
        if NEVER in (first, second):
            return NEVER
        if first == EMPTY:
            return second
        if second == EMPTY:
            return first
        head = self._terms[first]
        if head.kind == "then":
            return self.then(head.parts[0], self.then(head.parts[1], second))
        is_nullable = head.is_nullable and self._terms[second].is_nullable
        return self._number(_Term("then", parts=(first, second), is_nullable=is_nullable))

    def either(self, terms: Iterable[int]) -> int:
        """A text of any of them."""
        flat: set[int] = set()
        for number in terms:
            term = self._terms[number]
            flat.update(term.parts if term.kind == "either" else (number,))
        self._count(len(flat) // 8)
        if len(flat) == 1:
            return flat.pop()
        is_nullable = any(self._terms[number].is_nullable for number in flat)
        return self._number(_Term("either", parts=tuple(sorted(flat)), is_nullable=is_nullable))

    def repeated(self, number: int, low: int, high: int | None) -> int:
        """``low`` to ``high`` texts of a term, one after the other."""
        if high == 0 or number == EMPTY:
            return EMPTY
        if (low, high) == (1, 1):
            return number
        low = 0 if self._terms[number].is_nullable else low
        return self._number(
            _Term("repeat", parts=(number,), low=low, high=high, is_nullable=low == 0)
        )

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _STEPS_MAX:
            raise TooComplex

    def _after(self, number: int, character: int) -> int:
        """What may follow the character in the texts of a term that begin with it."""
        key = (number, character)
        if key not in self._known:
            self._count(1)
            self._known[key] = self._derive(self._terms[number], character)
        return self._known[key]

    def _derive(self, term: _Term, character: int) -> int:
        match term.kind:
            case "set":
                is_in = any(low <= character <= high for low, high in term.spans)
                return EMPTY if is_in else NEVER
            case "then":
                first, second = term.parts
                after = self.then(self._after(first, character), second)
                if not self._terms[first].is_nullable:
                    return after
                return self.either((after, self._after(second, character)))
            case "either":
                return self.either([self._after(part, character) for part in term.parts])
            case "repeat":
                (part,) = term.parts
                high = None if term.high is None else term.high - 1
                rest = self.repeated(part, max(term.low - 1, 0), high)
                return self.then(self._after(part, character), rest)
            case _:
                return NEVER

    def rules(self, begin: int, prefix: str) -> dict[str, str]:
        """Grammar rules for the inside of a JSON string; the first one is where it begins."""
        spans = self._partition()
        names = {begin: prefix}
        waiting = [begin]
        rules: dict[str, str] = {}
        while waiting:
            state = waiting.pop()
            moves = self._moves(state, spans)
            for target in moves:
                if target not in names:
                    names[target] = f"{prefix}s{len(names)}"
                    waiting.append(target)
            if len(names) > _STATES_MAX:
                raise TooComplex
            choices = [f"({_characters(found)}) {names[to]}" for to, found in moves.items()]
            is_end = self._terms[state].is_nullable
            if not choices and not is_end:
                raise TooComplex  # nothing can follow, so nothing must lead here
            rules[names[state]] = " | ".join([*choices, '""'] if is_end else choices)
        return rules

    def _moves(self, state: int, spans: list[_Span]) -> dict[int, list[_Span]]:
        moves: dict[int, list[_Span]] = {}
        for span in spans:
            target = self._after(state, span[0])
            if target != NEVER:
                moves.setdefault(target, []).append(span)
        return moves

    def _partition(self) -> list[_Span]:
        """Spans of characters between which the pattern makes no difference, all that it names."""
        found = {span for term in self._terms for span in term.spans}
        edges = sorted({low for low, _ in found} | {high + 1 for _, high in found})
        pairs = itertools.pairwise(edges)
        return [(low, end - 1) for low, end in pairs if any(a <= low <= b for a, b in found)]


def _characters(spans: list[_Span]) -> str:
    """One character of these spans as it stands in a JSON string."""
    plain: list[str] = []
    escaped: list[str] = []
    for low, high in spans:
        escaped += [_escape(code) for code in _ESCAPED if low <= code <= high]
        plain += [_range(first, last) for first, last in _plain_spans(low, high)]
    classes = [f"[{''.join(plain)}]"] if plain else []
    return " | ".join([*classes, *escaped]) or '"" [^\\x00-\U0010ffff]'


def _escape(code: int) -> str:
    letter = _ESCAPED[code]
    return '"\\\\' + (f"\\{letter}" if letter in '"\\' else letter) + '"'


def _plain_spans(low: int, high: int) -> list[_Span]:
    """The span without controls, surrogates and what must be escaped."""
    found: list[_Span] = []
    start = max(low, 32)
    for first, last in ((34, 34), (92, 92), (127, 127), _SURROGATES):
        if start <= last and first <= high:
            if start < first:
                found.append((start, first - 1))
            start = last + 1
    if start <= high:
        found.append((start, high))
    return found


def _range(low: int, high: int) -> str:
    return f"\\U{low:08X}" if low == high else f"\\U{low:08X}-\\U{high:08X}"
