"""additionalModelRequestFields: what vendors pass through beside Converse's own parameters.

The names are those of several model families, at the top or inside `inferenceConfig`. What is not
known here is ignored and listed, as a family ignores another's fields.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from kilonova.core.chat import Thinking
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.bedrock.thinking import NAMES as _THINKING
from kilonova.dialects.bedrock.thinking import read_thinking

__all__ = ["AdditionalFields", "decode_additional_fields"]

_Penalty = Annotated[float, Meta(ge=-2, le=2)]

# The wire's name → the attribute of AdditionalFields.
_NAMES = {
    "top_k": "top_k",
    "topK": "top_k",
    "k": "top_k",
    "seed": "seed",
    "random_seed": "seed",
    "presence_penalty": "presence_penalty",
    "presencePenalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "frequencyPenalty": "frequency_penalty",
}


class AdditionalFields(Struct, frozen=True):
    """What is honoured of them; `ignored` names the rest, `thinking_places` where each wish about
    thoughts stands."""

    top_k: Annotated[int, Meta(ge=1)] | None = None
    seed: int | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    thinking: Thinking = Thinking()
    thinking_places: Mapping[str, str] = {}
    ignored: tuple[str, ...] = ()


_NOTHING = AdditionalFields()


def decode_additional_fields(raw: Raw) -> AdditionalFields:
    """Raises InvalidRequest for a known field with an impossible value."""
    if not raw:
        return _NOTHING
    try:
        wire: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _malformed("", str(error)) from None
    if wire is None:
        return _NOTHING
    if not isinstance(wire, dict):
        raise _malformed("", "expected type: JSONObject")
    flat = _flatten(wire)
    thinking = read_thinking({name: value for _, name, value in flat if name in _THINKING})
    known: dict[str, Any] = {"thinking": thinking.thinking}
    known["thinking_places"] = {name: _full(place) for name, place in thinking.places.items()}
    ignored = list(thinking.ignored)
    for place, name, value in flat:
        attribute = _NAMES.get(name)
        if attribute is not None and value is not None:
            known[attribute] = _checked(place, attribute, value)
        elif attribute is None and name not in _THINKING:
            ignored.append(place)
    return AdditionalFields(**known, ignored=tuple(map(_full, ignored)))


def _full(place: str) -> str:
    return f"additionalModelRequestFields.{place}"


def _flatten(wire: dict[str, Any]) -> list[tuple[str, str, object]]:
    inner = wire.get("inferenceConfig")
    if not isinstance(inner, dict):
        return [(name, name, value) for name, value in wire.items()]
    outer = [(name, name, value) for name, value in wire.items() if name != "inferenceConfig"]
    return outer + [(f"inferenceConfig.{name}", name, value) for name, value in inner.items()]


def _checked(place: str, attribute: str, value: object) -> object:
    try:
        converted = msgspec.convert({attribute: value}, AdditionalFields)
    except msgspec.ValidationError as error:
        raise _malformed(place.replace(".", "/"), str(error)) from None
    checked: object = getattr(converted, attribute)
    return checked


def _malformed(place: str, problem: str) -> InvalidRequest:
    return InvalidRequest(
        f"Malformed input request: #/{place}: {problem}, please reformat your input and try again.",
        param="additionalModelRequestFields",
    )
