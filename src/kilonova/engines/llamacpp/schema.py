"""A caller's JSON Schema, checked and made plain before a grammar is written from it.

The limits are those that OpenAI publishes for structured output, so that no schema can make the
engine work without end. What a grammar cannot say is refused by name where the caller asked for a
guarantee (``is_strict``), and is otherwise a hint that is not enforced.
"""

from typing import TypeAlias

import msgspec

from kilonova.core.errors import InvalidRequest

__all__ = ["JsonValue", "Node", "SchemaReader", "schema_error"]

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
Node: TypeAlias = dict[str, JsonValue]

_SCHEMA_BYTES_MAX = 256 << 10
_DEPTH_MAX = 24
_PROPERTIES_MAX = 5_000
_ENUM_MAX = 1_000
_REFERENCES_MAX = 32
_STEPS_MAX = 20_000

_UNSAYABLE = (
    "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "patternProperties",
    "propertyNames", "contains", "uniqueItems", "multipleOf", "unevaluatedProperties",
    "unevaluatedItems",
)  # fmt: skip


def schema_error(message: str) -> InvalidRequest:
    """The refusal of a schema; ``message`` continues the sentence."""
    return InvalidRequest(f"The JSON Schema cannot be used: {message}.", param="schema")


class SchemaReader:
    """One schema document: looks up its references and merges what belongs together."""

    def __init__(self, schema: msgspec.Raw, *, is_strict: bool) -> None:
        if len(bytes(schema)) > _SCHEMA_BYTES_MAX:
            raise schema_error(f"it is larger than {_SCHEMA_BYTES_MAX} bytes")
        try:
            self.root: JsonValue = msgspec.json.decode(schema)
        except (msgspec.DecodeError, RecursionError) as error:
            raise schema_error("it is not JSON, or is nested too deeply") from error
        self.is_strict = is_strict
        self._properties = 0
        self._steps = 0
        self._check(self.root, 0)

    def plain(self, node: JsonValue) -> Node | bool:
        """The node with its references and conjunctions resolved; True where all is allowed."""
        return self._plain(node, 0)

    def _plain(self, node: JsonValue, depth: int) -> Node | bool:
        self._steps += 1
        if depth > _REFERENCES_MAX or self._steps > _STEPS_MAX:
            raise schema_error("its references go in circles, or are too many")
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict):
            raise schema_error("a schema is neither an object nor true or false")
        if "$ref" not in node:
            return self._conjunction(node, depth)
        rest = {key: value for key, value in node.items() if key != "$ref"}
        found = self._find(node["$ref"])
        return self._plain(merge(found, rest) if isinstance(found, dict) else found, depth + 1)

    def _conjunction(self, node: Node, depth: int) -> Node | bool:
        branches = node.get("allOf")
        if not isinstance(branches, list):
            return node
        merged: Node = {key: value for key, value in node.items() if key != "allOf"}
        for branch in branches:
            part = self._plain(branch, depth + 1)
            if part is False:
                return False
            if isinstance(part, dict):
                merged = merge(merged, part)
        return merged

    def _find(self, reference: JsonValue) -> JsonValue:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise schema_error(f"the reference {reference!r} does not point into it")
        found = self.root
        for step in reference[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, dict) and key in found:
                found = found[key]
            else:
                raise schema_error(f"the reference {reference!r} points to nothing")
        return found

    def _check(self, node: JsonValue, depth: int) -> None:
        """Walk the document once and hold it against the limits."""
        if depth > 2 * _DEPTH_MAX:  # a property is two steps: "properties" and its name
            raise schema_error(f"it is nested more than {_DEPTH_MAX} levels deep")
        if isinstance(node, list):
            for item in node:
                self._check(item, depth)
        if not isinstance(node, dict):
            return
        properties, enum = node.get("properties"), node.get("enum")
        self._properties += len(properties) if isinstance(properties, dict) else 0
        if self._properties > _PROPERTIES_MAX:
            raise schema_error(f"it has more than {_PROPERTIES_MAX} properties")
        if isinstance(enum, list) and not 1 <= len(enum) <= _ENUM_MAX:
            raise schema_error(f"an enum has {len(enum)} values, not 1 to {_ENUM_MAX}")
        for key, value in node.items():
            if key not in ("enum", "const", "default", "examples"):
                self._check(value, depth + 1)

    def check_sayable(self, node: Node) -> None:
        """Refuse, by name, a keyword that a grammar cannot enforce."""
        for keyword in _UNSAYABLE:
            if self.is_strict and node.get(keyword) not in (None, False):
                raise schema_error(f"{keyword!r} cannot be enforced; leave it out")


def merge(left: Node, right: Node) -> Node:
    """Both at once: properties and required names add up; elsewhere the right side wins."""
    merged = left | right
    for key in ("properties", "$defs"):
        ours, theirs = left.get(key), right.get(key)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            merged[key] = ours | theirs
    mine, yours = left.get("required"), right.get("required")
    if isinstance(mine, list) and isinstance(yours, list):
        merged["required"] = [*mine, *(name for name in yours if name not in mine)]
    return merged
