"""Everyday tools (weather, mail, calendar, files…) with the natural phrasing of `domains.toml`."""

import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec

from spark.conversation import Json, JsonObject, Tool
from spark.generators.draw import Draw
from spark.generators.toolsmith import (
    Parameter,
    Wording,
    Workpiece,
    ordered_call,
    sample_value,
    styled,
)
from spark.generators.values import KINDS, Kind, Value, amount

__all__ = ["Domain", "domain_request", "domains", "make_domain_tool"]

_SLOT = re.compile(r"\{(\w+)\}")
_ENUM_SLOTS = {
    "unit": ("celsius", "fahrenheit"),
    "language": ("German", "French", "Spanish", "Italian", "Dutch", "Polish", "Swedish", "Greek"),
    "room": ("kitchen", "bedroom", "living room", "bathroom", "office", "hall", "garage"),
    "onoff": ("on", "off"),
    "class": ("economy", "business", "first"),
    "priority": ("low", "medium", "high", "urgent"),
    "transport": ("car", "train", "bus", "bicycle"),
    "cuisine": ("Italian", "Indian", "Thai", "Greek", "Mexican", "French", "Korean", "Turkish"),
    "currency": ("EUR", "USD", "GBP", "CHF", "JPY", "SEK", "NOK", "PLN", "CZK", "CAD"),
}
_OPEN_ENUMS = frozenset({"language", "currency", "cuisine", "room"})


class Domain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One everyday tool."""

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    requests: tuple[str, ...]
    slots: dict[str, str]
    tails: dict[str, tuple[str, ...]] = {}
    incomplete: dict[str, tuple[str, ...]] = {}  # requests that leave this slot unsaid


class _Domains(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    domain: tuple[Domain, ...]


@cache
def domains() -> tuple[Domain, ...]:
    """Every domain of the file."""
    text = Path(__file__).with_name("domains.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _Domains).domain


def _text_kind(name: str) -> Kind:
    """A slot that is copied as it stands and has no phrasing of its own."""
    makers: dict[str, Callable[[Draw], str]] = {
        "coined": lambda draw: f"{draw.coined()}{draw.one(('', '-api', '-db', '-worker'))}",
        "ticker": lambda draw: draw.coined(2)[: draw.whole(3, 4)].upper(),
        "folder": lambda draw: (
            f"/{draw.coined(2)}" + (f"/{draw.coined(1)}" if draw.chance(0.5) else "")
        ),
        "sql": lambda draw: " ".join(
            ("SELECT", draw.coined(2), "FROM", f"{draw.word('nouns')}s LIMIT {draw.whole(1, 99)}")
        ),
    }

    def sample(draw: Draw) -> Value:
        text = makers[name](draw)
        return Value(text, text)

    return Kind((), (), sample, {"type": "string"})


def _degrees(draw: Draw) -> Value:
    number = draw.whole(5, 30)
    return Value(str(number), number)


def _plain_number(draw: Draw) -> Value:
    number = draw.whole(0, draw.one((12, 99, 999)))
    return Value(str(number), number)


_EXTRA_KINDS: dict[str, Kind] = {
    **{name: _text_kind(name) for name in ("coined", "ticker", "folder", "sql")},
    "degrees": Kind((), (), _degrees, {"type": "number"}),
    "count": Kind((), (), _plain_number, {"type": "integer"}),
    "money": Kind((), (), amount, {"type": "number"}),
}


def _slot_schema(draw: Draw, key: str, kind: str) -> JsonObject:
    if kind in _ENUM_SLOTS:
        closed = kind not in _OPEN_ENUMS or draw.chance(0.3)
        values: list[Json] = list(_ENUM_SLOTS[kind])
        return {"type": "string", "enum": values} if closed else {"type": "string"}
    known = _EXTRA_KINDS.get(kind) or KINDS[kind]
    schema: JsonObject = dict(known.schema)
    if known.schema.get("type") == "integer" and draw.chance(0.25):
        schema["type"] = "number"
    if "format" in schema and draw.chance(0.5):
        schema.pop("format")
        schema["description"] = known.hints[0]
    elif draw.chance(0.5):
        hint = draw.one(known.hints) if known.hints else f"The {key.replace('_', ' ')}"
        schema["description"] = hint
    return schema


def _parameters(draw: Draw, domain: Domain, style: str) -> tuple[Parameter, ...]:
    made = []
    for key, label in domain.slots.items():
        kind, required = label.rstrip("?"), not label.endswith("?")
        if not required and draw.chance(0.45):
            continue
        values = _ENUM_SLOTS.get(kind, ())
        schema = _slot_schema(draw, key, kind)
        made.append(Parameter(styled(key, style), f"{kind}", schema, required, values))
    return tuple(made)


def make_domain_tool(draw: Draw, domain: Domain, *, style: str) -> Workpiece:
    """The tool of a domain, with some of its optional parameters."""
    parameters = _parameters(draw, domain, style)
    schema: JsonObject = {
        "type": "object",
        "properties": {parameter.name: parameter.schema for parameter in parameters},
    }
    required: list[Json] = [parameter.name for parameter in parameters if parameter.required]
    if required or draw.chance(0.3):
        schema["required"] = required
    if draw.chance(0.2):
        schema["additionalProperties"] = False
    description = "" if draw.chance(0.12) else draw.one(domain.descriptions)
    tool = Tool(styled(draw.one(domain.names), style), description, schema)
    return Workpiece(tool, domain.requests, domain.names[0], parameters)


def _value(draw: Draw, parameter: Parameter) -> Value:
    if parameter.values:
        value = draw.one(parameter.values)
        return Value(value, value)
    if parameter.kind in _EXTRA_KINDS:
        return _EXTRA_KINDS[parameter.kind].sample(draw)
    return sample_value(draw, parameter)


def _suits(request: str, slots: set[str], required: set[str]) -> bool:
    used = set(_SLOT.findall(request))
    return used <= slots and required <= used


def _polite(draw: Draw, text: str) -> str:
    if draw.chance(0.1):
        text = draw.one(("Hi, ", "Hello! ", "Please: ", "OK. ", "Hey! ", "Thanks. ")) + text
    if draw.chance(0.12):
        text = text[0].lower() + text[1:]
    if draw.chance(0.12) and text[-1] in ".?":
        text = text[:-1]
    return f"{text} Thanks!" if draw.chance(0.05) and text[-1] in ".?!" else text


def domain_request(draw: Draw, domain: Domain, tool: Workpiece) -> Wording:
    """A natural request for the tool."""
    by_key = dict(zip(_present(domain, tool), tool.parameters, strict=True))
    required = {key for key, parameter in by_key.items() if parameter.required}
    fitting = [text for text in domain.requests if _suits(text, set(by_key), required)]
    text = draw.kept(fitting)
    for key in by_key:
        if key in domain.tails and f"{{{key}}}" not in text and draw.chance(0.5):
            text += draw.one(domain.tails[key])
    values: dict[str, Json] = {}
    for key in _SLOT.findall(text):
        value = _value(draw, by_key[key])
        values[by_key[key].name] = value.value
        text = text.replace(f"{{{key}}}", value.surface)
    return Wording(_polite(draw, text), ordered_call(tool, values))


def incomplete_request(draw: Draw, domain: Domain, tool: Workpiece) -> tuple[str, str] | None:
    """A request without a required value and the name of what is missing, if the domain has one."""
    if not domain.incomplete:
        return None
    key = draw.one(sorted(domain.incomplete))
    missing = dict(zip(_present(domain, tool), tool.parameters, strict=True))[key]
    return _polite(draw, draw.kept(domain.incomplete[key])), missing.name


def _present(domain: Domain, tool: Workpiece) -> list[str]:
    """The slot keys behind the tool's parameters, in order."""
    plain = {key.replace("_", ""): key for key in domain.slots}
    folded = [item.name.replace("_", "").replace("-", "").lower() for item in tool.parameters]
    return [plain[name] for name in folded]
