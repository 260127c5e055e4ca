"""Values for any shape of botocore's models: minimal ones, and ones with every member filled in."""

import re
from datetime import UTC, datetime
from re import _constants as kinds
from re import _parser as parser
from typing import Any

from botocore.model import Shape

_DEPTH_MAX = 6
_MOMENT = datetime(2026, 11, 23, 8, 30, 15, tzinfo=UTC)


def sample(shape: Shape, *, variant: int | None = None, depth: int = 0) -> Any:
    """A valid value. Without a variant: only what is required. With one: everything, and the
    variant-th member of every union."""
    match shape.type_name:
        case "structure":
            return _structure(shape, variant, depth)
        case "list":
            count = max(int(shape.metadata.get("min", 0)), 0 if _is_bare(variant, depth) else 1)
            if shape.serialization.get("location") == "querystring":
                count = 1  # an empty list cannot be written there
            return [sample(shape.member, variant=variant, depth=depth + 1) for _ in range(count)]
        case "map":
            count = max(int(shape.metadata.get("min", 0)), 0 if _is_bare(variant, depth) else 1)
            key = sample(shape.key)
            value = sample(shape.value, variant=variant, depth=depth + 1)
            return {key + str(i or ""): value for i in range(count)}
        case "string":
            return _text(shape)
        case "integer" | "long":
            return max(int(shape.metadata.get("min", 0)), 1)
        case "float" | "double":
            return float(shape.metadata.get("min", 0.5))
        case "boolean":
            return True
        case "blob":
            return b"\x00\xff" * max(int(shape.metadata.get("min", 0)), 2)
        case "timestamp":
            return _MOMENT
    raise AssertionError(shape.type_name)


def _is_bare(variant: int | None, depth: int) -> bool:
    return variant is None or depth > _DEPTH_MAX


def _structure(shape: Any, variant: int | None, depth: int) -> Any:
    if shape.is_document_type:
        return {"anything": [1, "é", {"nested": False}]}
    members = shape.members
    if shape.is_tagged_union:
        name = list(members)[(variant or 0) % len(members)]
        if depth > _DEPTH_MAX:
            name = min(members, key=lambda name: _height(members[name], 0))
        return {name: sample(members[name], variant=variant, depth=depth + 1)}
    names = shape.required_members if _is_bare(variant, depth) else list(members)
    return {
        name: sample(members[name], variant=variant, depth=depth + 1)
        for name in names
        if not members[name].serialization.get("eventstream")
    }


def _height(shape: Any, depth: int) -> int:
    """How deep the smallest value is: recursive unions must end somewhere."""
    if depth > _DEPTH_MAX:
        return depth
    match shape.type_name:
        case "structure" if not shape.is_document_type:
            names = list(shape.members) if shape.is_tagged_union else shape.required_members
            heights = [_height(shape.members[name], depth + 1) for name in names] or [depth]
            return min(heights) if shape.is_tagged_union else max(heights)
        case "list" if shape.metadata.get("min"):
            return _height(shape.member, depth + 1)
    return depth


def _text(shape: Any) -> str:
    if shape.enum:
        return str(shape.enum[-1])
    low, high = max(int(shape.metadata.get("min", 1)), 1), int(shape.metadata.get("max", 10_000))
    pattern = shape.metadata.get("pattern")
    if pattern is None or r"\p" in pattern.lower():
        return "x" * max(low, min(3, high))
    for repeats in range(low + 12):
        text = _matching(parser.parse(pattern), repeats)
        if low <= len(text) <= high and re.fullmatch(pattern, text):
            return text
    raise AssertionError(f"no sample for {shape.name}: {pattern}")


def _matching(tree: Any, repeats: int) -> str:
    return "".join(_piece(kind, argument, repeats) for kind, argument in tree)


def _piece(kind: Any, argument: Any, repeats: int) -> str:
    match kind:
        case kinds.LITERAL:
            return chr(argument)
        case kinds.ANY | kinds.NOT_LITERAL:
            return "x"
        case kinds.IN:
            return _one_of(argument)
        case kinds.BRANCH:
            return _matching(argument[1][repeats % len(argument[1])], repeats)
        case kinds.SUBPATTERN:
            return _matching(argument[3], repeats)
        case kinds.MAX_REPEAT | kinds.MIN_REPEAT:
            low, high, inner = argument
            return "".join(
                _matching(inner, repeats) for _ in range(min(max(low, repeats), int(high)))
            )
    return ""


def _one_of(members: Any) -> str:
    kind, argument = members[0]
    match kind:
        case kinds.LITERAL:
            return chr(argument)
        case kinds.RANGE:
            return chr(argument[0])
        case kinds.CATEGORY:
            return {kinds.CATEGORY_DIGIT: "1", kinds.CATEGORY_SPACE: " "}.get(argument, "x")
    return "x"  # a negated class
