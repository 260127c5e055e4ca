"""The smallest document that a JSON Schema accepts, filled from a text where it can be.

The first number and the first text of the prompt are copied into the document, so that a test can
see that they arrived. It covers what callers write for tools and answers, not all of JSON Schema:
``pattern`` and ``not`` are ignored.
"""

import math
import re
from typing import TypeAlias

import msgspec

from kilonova.core.errors import InvalidRequest

__all__ = ["JsonValue", "example_of"]

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

# A schema that contains itself without end has no smallest document.
_DEPTH_MAX = 32

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_QUOTED = re.compile(r"[\"“'«]([^\"”'»]+)[\"”'»]")


def example_of(schema: msgspec.Raw, text: str) -> JsonValue:
    """A document for this schema (JSON text), with the number and the text found in ``text``.

    Raises InvalidRequest for a schema that cannot be read, as one with a number beyond every range.
    """
    try:
        root: JsonValue = msgspec.json.decode(schema)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(f"The JSON Schema cannot be used: {error}.", param="schema") from error
    return _Example(root, text).of(root, 0)


class _Example:
    """One walk over one schema."""

    def __init__(self, root: JsonValue, text: str) -> None:
        self._root = root
        number = _NUMBER.search(text)
        quoted = _QUOTED.search(text)
        self._number = float(number[0]) if number else 0.0
        self._text = quoted[1] if quoted else text.strip()

    def of(self, schema: JsonValue, depth: int) -> JsonValue:
        if not isinstance(schema, dict) or depth > _DEPTH_MAX:
            return None
        schema = self._plain(schema, depth)
        if "const" in schema:
            return schema["const"]
        enum = schema.get("enum")
        if isinstance(enum, list) and enum:
            return enum[0]
        return self._of_type(_type_of(schema), schema, depth)

    def _plain(self, schema: dict[str, JsonValue], depth: int) -> dict[str, JsonValue]:
        """The schema with references, alternatives and conjunctions resolved into one object."""
        merged = dict(schema)
        reference = merged.pop("$ref", None)
        if isinstance(reference, str) and depth < _DEPTH_MAX:
            merged = self._plain(self._find(reference), depth + 1) | merged
        for keyword in ("anyOf", "oneOf"):
            branches = merged.pop(keyword, None)
            if isinstance(branches, list) and branches and isinstance(branches[0], dict):
                merged = _merge(merged, self._plain(branches[0], depth + 1))
        branches = merged.pop("allOf", None)
        for branch in branches if isinstance(branches, list) else ():
            if isinstance(branch, dict):
                merged = _merge(merged, self._plain(branch, depth + 1))
        return merged

    def _find(self, reference: str) -> dict[str, JsonValue]:
        found: JsonValue = self._root
        for step in reference.lstrip("#/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) and key else found
        return found if isinstance(found, dict) else {}

    def _of_type(self, kind: str, schema: dict[str, JsonValue], depth: int) -> JsonValue:
        if kind in ("integer", "number"):
            value = self._within(schema, step=1 if kind == "integer" else 0)
            return int(value) if value.is_integer() else value
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return self._string(schema)
            case _:
                return True if kind == "boolean" else None

    def _object(self, schema: dict[str, JsonValue], depth: int) -> dict[str, JsonValue]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        required = schema.get("required")
        names = required if isinstance(required, list) else list(properties)
        return {
            name: self.of(properties.get(name, {"type": "string"}), depth + 1)
            for name in names
            if isinstance(name, str)
        }

    def _array(self, schema: dict[str, JsonValue], depth: int) -> list[JsonValue]:
        leading = schema.get("prefixItems")
        items = list(leading) if isinstance(leading, list) else []
        wanted = max(int(_number(schema, "minItems", 0)), len(items))
        rest = schema.get("items", {"type": "string"})
        items += [rest] * (wanted - len(items))
        return [self.of(item, depth + 1) for item in items]

    def _string(self, schema: dict[str, JsonValue]) -> str:
        shape = schema.get("format")
        if isinstance(shape, str) and shape in _FORMATS:
            return _FORMATS[shape]
        text = self._text.ljust(int(_number(schema, "minLength", 0)), "x")
        return text[: int(_number(schema, "maxLength", len(text)))]

    def _within(self, schema: dict[str, JsonValue], *, step: float) -> float:
        """The number of the prompt, moved to the nearest one that the bounds allow."""
        low, high = _bounds(schema)
        value = min(max(self._number, low), high)
        step = _number(schema, "multipleOf", step)
        if step:
            value = math.ceil(value / step) * float(step)
            value = value if value <= high else math.floor(high / step) * float(step)
        return value


_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "echo@example.org",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.org/",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
}


def _type_of(schema: dict[str, JsonValue]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _merge(left: dict[str, JsonValue], right: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Both at once: properties and required names add up, the right side wins elsewhere."""
    merged = left | right
    ours, theirs = left.get("properties"), right.get("properties")
    if isinstance(ours, dict) and isinstance(theirs, dict):
        merged["properties"] = ours | theirs
    mine, yours = left.get("required"), right.get("required")
    if isinstance(mine, list) and isinstance(yours, list):
        merged["required"] = list(dict.fromkeys(str(name) for name in [*mine, *yours]))
    return merged


def _bounds(schema: dict[str, JsonValue]) -> tuple[float, float]:
    edge = 1.0 if _type_of(schema) == "integer" else 0.5
    low = max(
        _number(schema, "minimum", -math.inf),
        _number(schema, "exclusiveMinimum", -math.inf) + edge,
    )
    high = min(
        _number(schema, "maximum", math.inf),
        _number(schema, "exclusiveMaximum", math.inf) - edge,
    )
    return low, high


def _number(schema: dict[str, JsonValue], key: str, default: float) -> float:
    value = schema.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isinstance(value, int | float) else default
