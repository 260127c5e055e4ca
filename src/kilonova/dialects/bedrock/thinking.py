"""How much a model is to think, in the words of each family that additionalModelRequestFields
carries: `thinking`, `reasoning_config`, `reasoningConfig`, `reasoning_effort`, `reasoning`,
`output_config`; and Converse's own `outputConfig.effort`.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from kilonova.core.chat import Effort, Thinking
from kilonova.core.errors import InvalidRequest

__all__ = ["NAMES", "ThinkingFields", "check_budget", "effort_of", "read_thinking"]

_EFFORTS: Mapping[str, Effort] = {
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
# The names of the fields, and what may stand inside.
_INNER = {
    "thinking": ("type", "budget_tokens"),
    "reasoning_config": ("type", "budget_tokens"),
    "reasoningConfig": ("type", "maxReasoningEffort"),
    "reasoning": ("effort",),
    "output_config": ("effort",),
}
_PLAIN = ("reasoning_effort", "reasoning_config", "reasoning")
NAMES = frozenset({*_INNER, *_PLAIN})
_SWITCH = {"enabled": True, "disabled": False, "adaptive": None}


class ThinkingFields(Struct, frozen=True):
    """What was asked for, and the place of each field of it; `ignored` is known to nobody here."""

    thinking: Thinking = Thinking()
    places: Mapping[str, str] = {}
    ignored: tuple[str, ...] = ()


def read_thinking(fields: Mapping[str, Any]) -> ThinkingFields:
    """Raises InvalidRequest for a known field with an impossible value."""
    said: dict[str, Any] = {}
    places: dict[str, str] = {}
    ignored: list[str] = []
    for name in sorted(NAMES.intersection(fields)):
        value = fields[name]
        if value is None:
            continue
        if isinstance(value, str) and name in _PLAIN:
            found = _effort(value, name)
        elif isinstance(value, dict) and name in _INNER:
            found = _inner(name, value)
            ignored += [f"{name}.{key}" for key in value if key not in _INNER[name]]
        else:
            raise _malformed(name, f"{value!r:.40} is not expected here")
        said.update(found)
        places.update(dict.fromkeys(found, name))
    return ThinkingFields(Thinking(**said), places, tuple(ignored))


def effort_of(word: str, place: str) -> Effort:
    """Raises InvalidRequest for a word that no family knows."""
    effort = _EFFORTS.get(word)
    if effort is None:
        raise InvalidRequest(
            f"The value at {place} is invalid: it must be one of {', '.join(_EFFORTS)}.",
            param=place,
        )
    return effort


def check_budget(thinking: Thinking, *, output_tokens: int | None) -> None:
    """Raises InvalidRequest for a budget that leaves nothing for the answer."""
    budget = thinking.budget_tokens
    if budget is not None and output_tokens is not None and budget >= output_tokens:
        raise InvalidRequest(
            "`max_tokens` must be greater than `thinking.budget_tokens`.",
            param="inferenceConfig.maxTokens",
        )


def _inner(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    kind = fields.get("type")
    if "type" in _INNER[name]:
        if not isinstance(kind, str) or kind not in _SWITCH:
            raise _malformed(f"{name}/type", f"it must be one of {', '.join(_SWITCH)}")
        said["is_on"] = _SWITCH[kind]
    for key in ("effort", "maxReasoningEffort"):
        if key in _INNER[name] and (word := fields.get(key)) is not None:
            said.update(_effort(word, f"{name}/{key}"))
    budget = fields.get("budget_tokens")
    if "budget_tokens" in _INNER[name] and budget is not None:
        # True is a number in Python.
        if not isinstance(budget, int) or isinstance(budget, bool) or budget < 1:
            raise _malformed(f"{name}/budget_tokens", "it must be a whole number above 0")
        said["budget_tokens"] = budget
    return said


def _effort(word: object, place: str) -> dict[str, Any]:
    if word == "none":
        return {"is_on": False}
    if not isinstance(word, str):
        raise _malformed(place, "expected type: String")
    return {"effort": effort_of(word, f"additionalModelRequestFields.{place}")}


def _malformed(place: str, problem: str) -> InvalidRequest:
    return InvalidRequest(
        f"Malformed input request: #/{place}: {problem}, please reformat your input and try again.",
        param="additionalModelRequestFields",
    )
