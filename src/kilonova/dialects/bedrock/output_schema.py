"""The schema of outputConfig, JSON in a text: refused at once where no answer could be held to it.

Clients that are refused over `output_config.format.schema` fall back to a tool.
"""

import json
from typing import Any

import msgspec

from kilonova.core.errors import InvalidRequest, RequestTooLarge

__all__ = ["check_output_schema"]

# A schema is a text of its own inside of the body, so no earlier limit has seen its structure.
_SCHEMA_CHARS_MAX = 262_144
_PLACE = "output_config.format.schema"
_UNSUPPORTED = frozenset(
    {
        "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies",
        "patternProperties", "propertyNames", "contains", "minContains", "maxContains",
        "uniqueItems", "multipleOf", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef",
    }
)  # fmt: skip
# What holds schemas: one, a list of them, or a map from names of the caller's own.
_ONE = ("items", "additionalProperties", "additionalItems")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_MAPS = ("properties", "$defs", "definitions")


def check_output_schema(schema: bytes, *, place: str) -> None:
    """Raises InvalidRequest."""
    if len(schema) > _SCHEMA_CHARS_MAX:
        raise RequestTooLarge(f"{place} has more than {_SCHEMA_CHARS_MAX} bytes.", param=place)
    root = _decode(schema, place)
    # Not by recursion: a schema may be nested as deeply as JSON may.
    waiting: list[dict[str, Any]] = [root]
    while waiting:
        node = waiting.pop()
        _check_node(node, place)
        waiting += _inner(node)


def _decode(schema: bytes, place: str) -> dict[str, Any]:
    def refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            raise _refusal("a keyword or a property is there twice", place)
        return dict(pairs)

    try:
        # Stricter than Python's own decoder, which lets NaN pass.
        msgspec.json.decode(schema)
        root = json.loads(schema, object_pairs_hook=refuse_twice)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        root = None
    if not isinstance(root, dict):
        raise InvalidRequest(f"{place} must be the text of a JSON Schema object.", param=place)
    return root


def _check_node(node: dict[str, Any], place: str) -> None:
    for keyword in sorted(_UNSUPPORTED.intersection(node)):
        if node[keyword] is not False:
            raise _refusal(f"the keyword '{keyword}' is not supported", place)
    reference = node.get("$ref", "#")
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise _refusal("a '$ref' must point into the schema itself", place)


def _inner(node: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[object] = [node.get(key) for key in _ONE]
    for key in _LISTS:
        many = node.get(key)
        found += many if isinstance(many, list) else ()
    for key in _MAPS:
        named = node.get(key)
        found += named.values() if isinstance(named, dict) else ()
    return [schema for schema in found if isinstance(schema, dict)]


def _refusal(why: str, place: str) -> InvalidRequest:
    return InvalidRequest(f"{_PLACE}: {why}. Leave it out and try again.", param=place)
