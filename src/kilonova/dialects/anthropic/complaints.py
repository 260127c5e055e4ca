"""The JSON decoder's complaints about a request, in Anthropic's words.

Only requests that are refused come here, so nothing is fast.
"""

import re

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.anthropic.parameters import BLOCKS_REFUSED

__all__ = ["explain", "invalid"]

_PATH = re.compile(r"(.*) - at `\$(.*)`", re.DOTALL)
_INDEX = re.compile(r"\[(\d+)\]")
_STEP = r".\1"
_QUOTED = re.compile(r"`([^`]*)`")
_BOUND = re.compile(r"Expected `(?:int|float)` (>=|<=) (\S+)")
_LENGTH = re.compile(r"Expected `(array|str|object)` of length (>=|<=) (\d+)")
_PATTERN = re.compile(r"Expected `str` matching regex '(.*)'", re.DOTALL)
_VALUE = re.compile(r"Invalid (?:enum )?value '(.*)'", re.DOTALL)

_TYPES = {
    "int": "a valid integer",
    "float": "a valid number",
    "str": "a valid string",
    "bool": "a valid boolean",
    "array": "a valid list",
    "object": "a valid dictionary",
}
_SIDES = {">=": "greater than or equal to", "<=": "less than or equal to"}
_UNITS = {"array": ("List", "items"), "str": ("String", "characters"), "object": ("Map", "items")}


def explain(complaint: str, prefix: str = "") -> InvalidRequest:
    """``complaint`` is the text of a ValidationError; ``prefix`` is where its document stands."""
    match = _PATH.fullmatch(complaint)
    what, path = (match[1], match[2]) if match else (complaint, "")
    place = f"{prefix}{_INDEX.sub(_STEP, path)}".strip(".")
    quoted = _QUOTED.findall(what)
    if "required field" in what:
        return invalid(f"{place}.{quoted[0]}", "Field required")
    if "unknown field" in what:
        return invalid(f"{place}.{quoted[0]}", "Extra inputs are not permitted")
    if "got `" in what:
        expected = [_TYPES.get(name, name) for name in quoted[0].split(" | ") if name != "null"]
        return invalid(place, f"Input should be {' or '.join(expected)}")
    return invalid(place, _about_value(what))


def _about_value(what: str) -> str:
    """A value of the right type that is out of bounds or not one of those known."""
    if bound := _BOUND.fullmatch(what):
        return f"Input should be {_SIDES[bound[1]]} {bound[2]}"
    if length := _LENGTH.fullmatch(what):
        kind, unit = _UNITS[length[1]]
        side = "at least" if length[2] == ">=" else "at most"
        return f"{kind} should have {side} {length[3]} {unit}"
    if pattern := _PATTERN.fullmatch(what):
        return f"String should match pattern '{pattern[1]}'"
    if value := _VALUE.fullmatch(what):
        why = BLOCKS_REFUSED.get(value[1])
        if why is not None:
            return f"'{value[1]}' blocks are not supported here. {why}"
        return f"Input '{value[1][:100]}' is not one of the values known here"
    return what[:200]


def invalid(place: str, problem: str) -> InvalidRequest:
    """A refusal that names the place, as Anthropic writes it: ``messages.0.role: …``."""
    place = place.strip(".")[:200]
    return InvalidRequest(f"{place}: {problem}" if place else problem, param=place or None)
