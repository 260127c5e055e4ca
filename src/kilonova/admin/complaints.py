"""The decoder's complaints about a body or a query, in words: nobody should read a pattern."""

import re
from typing import Any, get_args, get_type_hints

from msgspec import Meta, Struct

__all__ = ["explain"]

_PLACE = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
_PATTERN = re.compile(r"Expected `str` matching regex .*", re.DOTALL)
_BOUND = re.compile(r"Expected `(?:int|float)` (>=|<=|>|<) (\S+)")
_LENGTH = re.compile(r"Expected `(str|array|object)` of length (>=|<=) (\d+)")
_TYPE = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_FIELD = re.compile(r"Object (contains unknown|missing required) field `(.*)`", re.DOTALL)

_SIDES = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_UNITS = {"str": "characters", "array": "entries", "object": "fields"}
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
}


def explain(error: Exception, kind: type[Struct]) -> str:
    """``period: expected a month such as 2026-10`` where the field's own description says so;
    else what the decoder says, in words. Without a full stop."""
    complaint = str(error)
    found = _PLACE.fullmatch(complaint)
    what, place = (found[1], found[2]) if found else (complaint, "")
    words = _in_words(what, place, kind)
    if words is None:
        return complaint
    return f"{place}: {words}" if place else words


def _in_words(what: str, place: str, kind: type[Struct]) -> str | None:
    """None where the decoder's own words have to do."""
    if _PATTERN.fullmatch(what):
        said = _described(get_type_hints(kind, include_extras=True).get(place))
        return f"expected {said[0].lower()}{said[1:].rstrip('.')}" if said else None
    if bound := _BOUND.fullmatch(what):
        return f"expected {_SIDES[bound[1]]} {bound[2]}"
    if length := _LENGTH.fullmatch(what):
        return f"expected {_SIDES[length[2]]} {length[3]} {_UNITS[length[1]]}"
    if mistyped := _TYPE.fullmatch(what):
        return f"expected {_typed(mistyped[1])}, not {_typed(mistyped[2])}"
    if field := _FIELD.fullmatch(what):
        name = field[2]
        return f"{name!r} is missing" if "required" in field[1] else f"{name!r} is not known here"
    return None


def _typed(names: str) -> str:
    kinds = [_TYPES.get(name, name) for name in names.split(" | ")]
    return " or ".join(each for each in kinds if each != _TYPES["null"]) or _TYPES["null"]


def _described(hint: Any) -> str:
    """The description beside the pattern, wherever it stands in ``A | B | None``."""
    for each in getattr(hint, "__metadata__", ()):
        if isinstance(each, Meta) and each.pattern and each.description:
            return each.description
    return next((words for words in map(_described, get_args(hint)) if words), "")
