"""additionalModelRequestFields: what vendors pass through beside Converse's own parameters.

The names are those of several model families, at the top or inside `inferenceConfig`. What is not
known here is ignored and listed, as a family ignores another's fields.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from kilonova.core.errors import InvalidRequest

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
    """What is honoured of them; `ignored` names the rest."""

    top_k: Annotated[int, Meta(ge=1)] | None = None
    seed: int | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
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
    known: dict[str, object] = {}
    ignored: list[str] = []
    for place, name, value in _flatten(wire):
        attribute = _NAMES.get(name)
        if attribute is None:
            ignored.append(f"additionalModelRequestFields.{place}")
        elif value is not None:
            known[attribute] = _checked(place, attribute, value)
    return AdditionalFields(**known, ignored=tuple(ignored))  # type: ignore[arg-type]  # checked


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
