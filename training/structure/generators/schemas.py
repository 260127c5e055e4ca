"""Names, nested arguments and nested schemas, shared by both makers of tools."""

from collections.abc import Sequence

import msgspec

from structure.conversation import Call, Json, JsonObject
from structure.generators.draw import Draw

__all__ = ["Wording", "naming_style", "nested", "nested_schema", "styled", "words_of"]


class Wording(msgspec.Struct, frozen=True):
    """A request in words, with the call that it means."""

    text: str
    call: Call


def words_of(name: str) -> str:
    """`dueDate`, `due_date` and `due-date` as `due date`."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return spaced.replace("_", " ").replace("-", " ").strip()


def naming_style(draw: Draw) -> str:
    """How a server's author writes names."""
    return draw.weighted({"snake": 0.72, "camel": 0.2, "kebab": 0.05, "joined": 0.03})


def styled(name: str, style: str) -> str:
    """A snake_case name in another style."""
    parts = name.split("_")
    if style == "camel":
        return parts[0] + "".join(word.capitalize() for word in parts[1:])
    return {"snake": "_", "kebab": "-", "joined": ""}[style].join(parts)


def nested(paths: Sequence[tuple[tuple[str, ...], Json]]) -> JsonObject:
    """Values at their paths: `("address", "city")` becomes an object inside an object."""
    result: JsonObject = {}
    for path, value in paths:
        inner = result
        for name in path[:-1]:
            below = inner.setdefault(name, {})
            assert isinstance(below, dict)
            inner = below
        inner[path[-1]] = value
    return result


def nested_schema(
    draw: Draw, fields: Sequence[tuple[tuple[str, ...], JsonObject, bool]]
) -> JsonObject:
    """The object schema with (path, schema, required) fields at their places."""
    properties: JsonObject = {}
    required: list[Json] = []
    names = list(dict.fromkeys(path[0] for path, _, _ in fields))
    for name in names:
        own = [(path[1:], schema, must) for path, schema, must in fields if path[0] == name]
        is_object = bool(own[0][0])
        properties[name] = nested_schema(draw, own) if is_object else own[0][1]
        if any(must for _, _, must in own):
            required.append(name)
    schema: JsonObject = {"type": "object", "properties": properties}
    if required or draw.chance(0.3):
        schema["required"] = required
    if draw.chance(0.15):
        schema["additionalProperties"] = False
    return schema
