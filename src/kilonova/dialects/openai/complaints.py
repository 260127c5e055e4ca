"""The JSON decoder's complaints about a request, in OpenAI's words.

Only requests that are refused come here, so nothing is fast; the value at fault is found by
decoding the body a second time.
"""

import re

import msgspec

from kilonova.core.errors import InvalidRequest

__all__ = ["explain"]

# Bodies above this size are not decoded again just to quote the value at fault.
_QUOTE_BYTES_MAX = 1 << 16

_PATH = re.compile(r"(.*) - at `\$(.*)`", re.DOTALL)
_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")
_QUOTED = re.compile(r"`([^`]*)`")
_BOUND = re.compile(r"Expected `(int|float)` (>=|<=) (\S+)")
_LENGTH = re.compile(r"Expected `(array|str|object)` of length (>=|<=) (\d+)")
_PATTERN = re.compile(r"Expected `str` matching regex '(.*)'", re.DOTALL)

_TYPES = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
}
_KINDS = {"int": "integer", "float": "decimal", "str": "string"}
_SIDES = {">=": ("below", "minimum", "min"), "<=": ("above", "maximum", "max")}


def explain(complaint: str, body: bytes) -> InvalidRequest:
    """``complaint`` is the text of a ValidationError about this body."""
    match = _PATH.fullmatch(complaint)
    what, path = (match[1], match[2]) if match else (complaint, "")
    param = path.removeprefix(".")
    quoted = _QUOTED.findall(what)
    if "required field" in what:
        param = f"{param}.{quoted[0]}".removeprefix(".")
        return _invalid(
            param, f"Missing required parameter: '{param}'.", "missing_required_parameter"
        )
    if "unknown field" in what:
        param = f"{param}.{quoted[0] if quoted else ''}".removeprefix(".")[:200]
        return _invalid(param, f"Unknown parameter: '{param}'.", "unknown_parameter")
    if "got `" in what:
        expected, got = _words(quoted[0]), _words(quoted[1])
        text = f"Invalid type for '{param or 'body'}': expected {expected}, but got {got} instead."
        return _invalid(param, text, "invalid_type")
    return _explain_value(what, param, _value_at(path, body))


def _explain_value(what: str, param: str, value: object) -> InvalidRequest:
    """A value of the right type that is out of bounds or not one of those known."""
    if bound := _BOUND.fullmatch(what):
        return _out_of_bounds(bound, param, value)
    if length := _LENGTH.fullmatch(what):
        return _wrong_length(length, param, value)
    if pattern := _PATTERN.fullmatch(what):
        text = f"string does not match pattern. Expected a string that matches '{pattern[1]}'"
    elif "out of range" in what:
        text = "the number is out of range"
    elif isinstance(value, str):
        text = f"'{value[:100]}' is not one of the values known here"
    else:
        text = what[:200]
    return _invalid(param, f"Invalid '{param}': {text}.", "invalid_value")


def _out_of_bounds(bound: re.Match[str], param: str, value: object) -> InvalidRequest:
    kind = _KINDS[bound[1]]
    where, most, short = _SIDES[bound[2]]
    got = f", but got {value} instead" if isinstance(value, int | float) else ""
    text = f"{kind} {where} {most} value. Expected a value {bound[2]} {bound[3]}{got}"
    return _invalid(param, f"Invalid '{param}': {text}.", f"{kind}_{where}_{short}_value")


def _wrong_length(length: re.Match[str], param: str, value: object) -> InvalidRequest:
    kind = _KINDS.get(length[1], length[1])
    where, most, short = _SIDES[length[2]]
    got = f", but got length {len(value)} instead" if isinstance(value, str | list | dict) else ""
    size = "too short" if where == "below" else "too long"
    text = f"{kind} {size}. Expected {_TYPES[length[1]]} with {most} length {length[3]}{got}"
    is_empty = where == "below" and length[3] == "1"
    code = f"empty_{kind}" if is_empty else f"{kind}_{where}_{short}_length"
    return _invalid(param, f"Invalid '{param}': {text}.", code)


def _invalid(param: str, message: str, code: str) -> InvalidRequest:
    return InvalidRequest(message, param=param or None, reason=code)


def _words(types: str) -> str:
    """``int | null`` → "an integer"."""
    names = [_TYPES.get(name, name) for name in types.split(" | ")]
    return " or ".join(name for name in names if name != "null") or "null"


def _value_at(path: str, body: bytes) -> object:
    """The value that the decoder complained about, where it is cheap to find."""
    if len(body) > _QUOTE_BYTES_MAX:
        return None
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    for index, name in _STEP.findall(path):
        if index and isinstance(value, list):
            # With a name given twice, the list at fault may not be the one found here.
            value = value[int(index)] if int(index) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value
