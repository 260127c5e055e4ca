"""additionalModelResponseFieldPaths: JSON Pointers into what a model says beside its message.

As on AWS a pointer must be well formed; one that leads nowhere adds nothing to the answer.
"""

import re
from collections.abc import Mapping, Sequence

from kilonova.core.errors import InvalidRequest
from kilonova.core.usage import Usage

__all__ = ["JsonValue", "check_paths", "native_fields", "pick", "unknown_paths"]

JsonValue = str | int | None | Mapping[str, "JsonValue"]

_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+")


def check_paths(paths: Sequence[str]) -> None:
    """Raises InvalidRequest for an empty or malformed pointer."""
    for index, path in enumerate(paths):
        if not _POINTER.fullmatch(path):
            place = f"additionalModelResponseFieldPaths.{index}"
            raise InvalidRequest(
                f"The value at {place} is not a valid JSON Pointer. Provide one that begins with "
                "'/' and try again.",
                param=place,
            )


def native_fields(stop_reason: str, stop_sequence: str | None, usage: Usage) -> JsonValue:
    """What the pointers may lead to."""
    return {
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
            "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        },
    }


_SAMPLE = native_fields("", None, Usage())


def unknown_paths(paths: Sequence[str]) -> list[str]:
    """The pointers that lead nowhere here."""
    return [path for path in paths if not _follow(_SAMPLE, _steps(path))[0]]


def pick(document: JsonValue, paths: Sequence[str]) -> dict[str, JsonValue]:
    """The part of the document that the pointers lead to, in its own shape."""
    picked: dict[str, JsonValue] = {}
    for path in paths:
        steps = _steps(path)
        is_there, value = _follow(document, steps)
        if is_there:
            picked = _put(picked, steps, value)
    return picked


def _steps(path: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]


def _follow(document: JsonValue, steps: Sequence[str]) -> tuple[bool, JsonValue]:
    for step in steps:
        if not isinstance(document, Mapping) or step not in document:
            return False, None
        document = document[step]
    return True, document


def _put(
    picked: dict[str, JsonValue], steps: Sequence[str], value: JsonValue
) -> dict[str, JsonValue]:
    step, *rest = steps
    if not rest:
        return {**picked, step: value}
    inner = picked.get(step)
    return {**picked, step: _put(dict(inner) if isinstance(inner, Mapping) else {}, rest, value)}
