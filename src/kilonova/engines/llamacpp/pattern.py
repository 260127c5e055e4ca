"""The ``pattern`` of a JSON Schema string, read as the regular expression that it is.

Literals, classes, groups, alternatives and repetition; a recursive descent over at most 4 KB. It
feeds ``automaton``. Look-around and references to groups are refused.
"""

from kilonova.engines.llamacpp.automaton import EMPTY, Terms

__all__ = ["PatternError", "pattern_rules"]

_PATTERN_CHARS_MAX = 4096
_NESTING_MAX = 32
_REPEAT_MAX = 1000
_ATOMS_MAX = 256
_LAST = 0x10FFFF
_SIGNS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}

_Spans = tuple[tuple[int, int], ...]
_DIGIT: _Spans = ((48, 57),)
_WORD: _Spans = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: _Spans = ((9, 13), (32, 32))
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


class PatternError(Exception):
    """The pattern is not a regular expression, or uses what a grammar cannot say."""


def pattern_rules(pattern: str, prefix: str) -> dict[str, str]:
    """Grammar rules for the inside of a JSON string that the whole pattern matches.

    Raises PatternError, or TooComplex.
    """
    if len(pattern) > _PATTERN_CHARS_MAX:
        raise PatternError(f"it is longer than {_PATTERN_CHARS_MAX} characters")
    text = pattern.removeprefix("^")
    if text.endswith("$") and not text.endswith("\\$"):
        text = text[:-1]
    terms = Terms()
    reader = _Reader(text, terms)
    whole = reader.alternatives(0)
    if reader.peek():
        raise PatternError(f"there is a {reader.peek()!r} too many")
    return terms.rules(whole, prefix)


def _without(spans: _Spans) -> _Spans:
    """All characters but these."""
    found, start = [], 0
    for low, high in sorted(spans):
        if low > start:
            found.append((start, low - 1))
        start = max(start, high + 1)
    return (*found, (start, _LAST)) if start <= _LAST else tuple(found)


class _Reader:
    """``terms`` takes what is read; its methods answer with numbers of terms."""

    def __init__(self, text: str, terms: Terms) -> None:
        self._terms = terms
        self._text = text
        self._at = 0
        self._atoms = 0

    def peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self.peek()
        if not character:
            raise PatternError("it ends too early")
        self._at += 1
        return character

    def alternatives(self, depth: int) -> int:
        if depth > _NESTING_MAX:
            raise PatternError("its groups are nested too deeply")
        branches = [self._sequence(depth)]
        while self.peek() == "|":
            self._at += 1
            branches.append(self._sequence(depth))
        return self._terms.either(branches)

    def _sequence(self, depth: int) -> int:
        parts: list[int] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self._repetition(self._atom(depth)))
        term = EMPTY
        for part in reversed(parts):
            term = self._terms.then(part, term)
        return term

    def _atom(self, depth: int) -> int:
        self._atoms += 1
        if self._atoms > _ATOMS_MAX:
            raise PatternError(f"it has more than {_ATOMS_MAX} parts")
        match character := self._next():
            case "(":
                return self._group(depth)
            case "[":
                return self._terms.one_of(self._class())
            case ".":
                return self._terms.one_of(_without(((10, 10), (13, 13))))
            case "\\":
                return self._terms.one_of(self._escape())
            case "^" | "$" | "*" | "+" | "?" | "{":
                raise PatternError(f"{character!r} is not supported here")
            case _:
                return self._terms.one_of(((ord(character), ord(character)),))

    def _group(self, depth: int) -> int:
        if self.peek() == "?":
            self._at += 1
            if self._next() != ":":
                raise PatternError("look-around, named and flagged groups are not supported")
        inner = self.alternatives(depth + 1)
        if self._next() != ")":
            raise PatternError("a group is not closed")
        return inner

    def _escape(self) -> _Spans:
        character = self._next()
        if character in _CLASSES:
            return _CLASSES[character]
        if character.lower() in _CLASSES:
            return _without(_CLASSES[character.lower()])
        literal = _ESCAPES.get(character, character)
        if literal.isalnum():
            raise PatternError(f"the escape \\{character} is not supported")
        return ((ord(literal), ord(literal)),)

    def _class(self) -> _Spans:
        is_negated = self.peek() == "^"
        self._at += is_negated
        spans: list[tuple[int, int]] = []
        is_first = True
        while self.peek() != "]" or is_first:
            spans += self._member()
            is_first = False
        self._at += 1
        return _without(tuple(spans)) if is_negated else tuple(spans)

    def _member(self) -> _Spans:
        """A character, a range, or a class inside a class."""
        first = self._single()
        following = self._text[self._at + 1 : self._at + 2]
        if len(first) != 1 or self.peek() != "-" or following in ("", "]"):
            return first
        self._at += 1
        last = self._single()
        if last[0][1] < first[0][0]:
            raise PatternError("a range in a class is empty")
        return ((first[0][0], last[0][1]),)

    def _single(self) -> _Spans:
        character = self._next()
        return self._escape() if character == "\\" else ((ord(character), ord(character)),)

    def _repetition(self, term: int) -> int:
        sign = self.peek()
        if sign == "{":
            low, high = self._counts()
        elif sign in _SIGNS:
            low, high = _SIGNS[sign]
        else:
            return term
        self._at += 1
        if self.peek() in ("?", "+"):  # lazy or possessive: the same texts match
            self._at += 1
        return self._terms.repeated(term, low, high)

    def _counts(self) -> tuple[int, int | None]:
        """Leaves the cursor on the closing brace."""
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at + 1 : max(end, self._at)].partition(",")
        if end < 0 or not low.isdecimal() or not (high.isdecimal() or not high):
            raise PatternError("a repetition is not written as {n}, {n,} or {n,m}")
        if not int(low) <= int(high or low) <= _REPEAT_MAX:
            raise PatternError(f"a repetition is empty or over {_REPEAT_MAX}")
        self._at = end
        return int(low), int(high) if high else (None if comma else int(low))
