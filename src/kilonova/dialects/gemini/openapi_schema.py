"""A schema in Google's dialect of OpenAPI → JSON Schema, which is what engines read. Pure.

Types are written in capitals, ``nullable`` stands beside them, whole numbers may come as texts, and
``propertyOrdering`` says in which order an answer is written.
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from msgspec import Raw

from kilonova.core.errors import InvalidRequest

__all__ = ["SCHEMA_BYTES_MAX", "SCHEMA_DEPTH_MAX", "json_schema", "plain_json_schema"]

SCHEMA_DEPTH_MAX = 32
SCHEMA_BYTES_MAX = 1 << 18

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
_Node: TypeAlias = dict[str, JsonValue]

_CAMEL = {
    "additional_properties": "additionalProperties",
    "any_of": "anyOf",
    "defs": "$defs",
    "max_items": "maxItems",
    "max_length": "maxLength",
    "max_properties": "maxProperties",
    "min_items": "minItems",
    "min_length": "minLength",
    "min_properties": "minProperties",
    "one_of": "oneOf",
    "prefix_items": "prefixItems",
    "property_ordering": "propertyOrdering",
    "ref": "$ref",
}
_COUNTS = {"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"}
_LISTS_OF_SCHEMAS = {"allOf", "anyOf", "oneOf", "prefixItems"}
_MAPS_OF_SCHEMAS = {"$defs", "properties"}
_SCHEMAS = {"additionalProperties", "items", "not"}
# Said beside the schema, or about the width of a number; no JSON Schema knows them.
_DROPPED = {"example", "nullable", "propertyOrdering"}
_DROPPED_FORMATS = {"byte", "double", "enum", "float", "int32", "int64"}


def json_schema(raw: Raw, place: str) -> Raw:
    """Raises InvalidRequest for what is not a schema."""
    return Raw(msgspec.json.encode(_converted(_parsed(raw, place), place, 0)))


def plain_json_schema(raw: Raw, place: str) -> Raw:
    """A JSON Schema as it was written, once it is an object of bounded size."""
    _parsed(raw, place)
    return Raw(bytes(raw).strip())


def _parsed(raw: Raw, place: str) -> JsonValue:
    text = bytes(raw)
    if len(text) > SCHEMA_BYTES_MAX:
        raise _refusal(f"the schema is larger than {SCHEMA_BYTES_MAX} bytes", place)
    try:
        value: JsonValue = msgspec.json.decode(text)
    except RecursionError:
        raise _too_deep(place) from None
    except msgspec.DecodeError as error:
        # What is kept raw at first was not read: numbers beyond every range, broken escapes.
        raise _refusal(str(error), place) from None
    if not isinstance(value, dict):
        raise _refusal("expected an object, a schema", place)
    if not _is_shallow(text):
        _check_depth(value, place)
    return value


def _is_shallow(text: bytes) -> bool:
    """Fewer brackets than levels are allowed: most schemas are told without a walk."""
    return text.count(b"{") + text.count(b"[") < 2 * SCHEMA_DEPTH_MAX


def _check_depth(value: JsonValue, place: str) -> None:
    level: list[JsonValue] = [value]
    # A property is two steps: "properties" and its name.
    for _ in range(2 * SCHEMA_DEPTH_MAX):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return
    raise _too_deep(place)


def _inside(value: JsonValue) -> list[JsonValue]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _converted(node: JsonValue, place: str, depth: int) -> JsonValue:
    if not isinstance(node, dict):
        if isinstance(node, bool):
            return node
        raise _refusal("expected an object, a schema", place)

    def inner(value: JsonValue, name: str) -> JsonValue:
        return _converted(value, f"{place}.{name}", depth + 1)

    named = {_CAMEL.get(name, name): value for name, value in node.items() if value is not None}
    schema: _Node = {}
    for name, value in named.items():
        if name in _DROPPED or (name == "format" and _is_width(value)):
            continue
        schema[name] = _keyword(name, value, inner)
    if schema.get("type") == "type_unspecified":
        del schema["type"]
    _order(schema, named.get("propertyOrdering"))
    _number_enum(schema)
    if schema.get("properties") == {}:
        # Declared to have none: a function without parameters, most often.
        schema.setdefault("additionalProperties", False)
    if named.get("nullable") is True:
        _allow_null(schema)
    return schema


def _keyword(
    name: str, value: JsonValue, inner: Callable[[JsonValue, str], JsonValue]
) -> JsonValue:
    """The value of one keyword, in JSON Schema's terms."""
    result = value
    if name == "type":
        result = [_lower(one) for one in value] if isinstance(value, list) else _lower(value)
    elif name == "$ref" and isinstance(value, str):
        result = value.replace("#/defs/", "#/$defs/")
    elif name in _COUNTS and isinstance(value, str) and value.isascii() and value.isdigit():
        result = int(value[:18])
    elif name in _SCHEMAS:
        result = inner(value, name)
    elif name in _LISTS_OF_SCHEMAS and isinstance(value, list):
        result = [inner(one, name) for one in value]
    elif name in _MAPS_OF_SCHEMAS and isinstance(value, dict):
        result = {key: inner(one, f"{name}.{key}") for key, one in value.items()}
    return result


def _is_width(value: JsonValue) -> bool:
    return isinstance(value, str) and value in _DROPPED_FORMATS


def _lower(kind: JsonValue) -> JsonValue:
    return kind.lower() if isinstance(kind, str) else kind


def _order(schema: _Node, wanted: JsonValue) -> None:
    properties = schema.get("properties")
    if isinstance(properties, dict) and isinstance(wanted, list):
        first = [name for name in wanted if isinstance(name, str) and name in properties]
        schema["properties"] = {name: properties[name] for name in first} | properties


def _number_enum(schema: _Node) -> None:
    """The values of an enum are texts on this wire, whatever their type is."""
    values = schema.get("enum")
    if schema.get("type") in ("integer", "number") and isinstance(values, list):
        schema["enum"] = [_number(value) for value in values]


def _number(value: JsonValue) -> JsonValue:
    try:
        number = msgspec.json.decode(value) if isinstance(value, str) else value
    except (msgspec.DecodeError, RecursionError):
        return value
    return number if isinstance(number, int | float) else value


def _allow_null(schema: _Node) -> None:
    kind, values, branches = schema.get("type"), schema.get("enum"), schema.get("anyOf")
    if isinstance(kind, str) and kind != "null":
        schema["type"] = [kind, "null"]
    if isinstance(values, list) and None not in values:
        schema["enum"] = [*values, None]
    if isinstance(branches, list):
        schema["anyOf"] = [*branches, {"type": "null"}]


def _too_deep(place: str) -> InvalidRequest:
    return _refusal(f"the schema is nested deeper than {SCHEMA_DEPTH_MAX} levels", place)


def _refusal(why: str, place: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid value at '{place}': {why}.", param=place)
