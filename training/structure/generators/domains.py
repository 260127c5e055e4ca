"""Everyday tools with natural wording, from the `domains*.toml` files beside this module.

A domain is one function that an API might offer: names, descriptions, and the many ways in which
people ask for it. A whole domain belongs either to training or to the held-out split.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec

from structure.conversation import Call, Json, JsonObject, Tool
from structure.generators.asks import beside
from structure.generators.draw import Draw, Split, part
from structure.generators.likeness import rivals
from structure.generators.schemas import Wording, nested, nested_schema, styled
from structure.generators.values import KINDS, Kind, Value, amount

__all__ = [
    "Domain",
    "DomainTool",
    "all_domains",
    "clash",
    "domains",
    "make_domain_tool",
    "problems",
]

_SLOT = re.compile(r"\{([\w.]+)\}")
_FIXED_CHOICES = {
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
_OPEN_CHOICES = frozenset({"language", "currency", "cuisine", "room"})


class Domain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One everyday tool; `domains.md` beside this module says what the fields mean."""

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    requests: tuple[str, ...]
    slots: dict[str, str] = {}
    choices: dict[str, tuple[str, ...]] = {}
    spoken: dict[str, dict[str, tuple[str, ...]]] = {}
    words: dict[str, tuple[str, ...]] = {}
    tails: dict[str, tuple[str, ...]] = {}
    flags: dict[str, tuple[str, ...]] = {}
    incomplete: dict[str, tuple[str, ...]] = {}
    beyond: tuple[str, ...] = ()
    area: str = ""


class _Domains(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    domain: tuple[Domain, ...]


@cache
def all_domains() -> tuple[Domain, ...]:
    """Every domain of every file; its area is the name of the file."""
    found: list[Domain] = []
    for path in sorted(Path(__file__).parent.glob("domains*.toml")):
        read = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _Domains)
        found += [msgspec.structs.replace(item, area=path.stem) for item in read.domain]
    return tuple(found)


@cache
def _rivals() -> set[frozenset[str]]:
    return rivals(all_domains())


def clash(first: str, second: str) -> bool:
    """Whether two domains, by their first names, could serve the same request."""
    return first == second or frozenset((first, second)) in _rivals()


@cache
def domains(split: Split) -> tuple[Domain, ...]:
    """The domains of one split; a training domain that is the double of a held-out one is left
    out, so that new ones never give away what older evaluation sets hold back."""
    own = part(all_domains(), split, key=_first_name)
    if split is Split.HELDOUT:
        return own
    held = [domain.names[0] for domain in domains(Split.HELDOUT)]
    return tuple(domain for domain in own if not any(clash(domain.names[0], name) for name in held))


def _first_name(domain: Domain) -> str:
    return domain.names[0]


@cache
def _all_words() -> tuple[tuple[str, ...], ...]:
    return tuple(words for domain in domains(Split.TRAIN) for words in domain.words.values())


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
_NORMALISED = frozenset({"iso_date", "clock", "choice", "flag"})
_OWN_KINDS = frozenset({"choice", "words", "flag"})


class Slot(msgspec.Struct, frozen=True):
    """One parameter: its place in the arguments, and what it takes."""

    key: str
    path: tuple[str, ...]
    kind: str
    required: bool
    is_list: bool
    schema: JsonObject
    allowed: tuple[str, ...] = ()


def _joined(draw: Draw, surfaces: Sequence[str]) -> str:
    if len(surfaces) == 1:
        return surfaces[0]
    last = draw.one((" and ", " and ", ", "))
    return ", ".join(surfaces[:-1]) + last + surfaces[-1]


class DomainTool:
    """A domain as one server offers it, with the requests that call it."""

    def __init__(self, domain: Domain, tool: Tool, slots: tuple[Slot, ...]) -> None:
        self.domain, self.tool = domain, tool
        self._slots = {slot.key: slot for slot in slots}

    @property
    def noun(self) -> str:
        """What tells two tools apart."""
        return self.domain.names[0]

    @property
    def area(self) -> str:
        """Tools of different areas do not serve each other's requests."""
        return self.domain.area

    @property
    def searches(self) -> bool:
        """Whether almost any question could be meant for this tool."""
        return any(slot.kind == "topic" for slot in self._slots.values())

    def _needed(self) -> set[str]:
        return {key for key, slot in self._slots.items() if slot.required}

    def _fitting(self, patterns: Sequence[str], *, without: str = "") -> list[str]:
        """The patterns that name all required slots and none that this tool lacks."""
        needed = self._needed() - {without}
        offered = set(self._slots) - {without}
        named = ((text, set(_SLOT.findall(text))) for text in patterns)
        return [text for text, keys in named if needed <= keys <= offered]

    def ask(self, draw: Draw) -> Wording:
        """A request with everything that is needed."""
        text = draw.one(self._fitting(self.domain.requests))
        text, flags = self._with_tails(draw, text)
        said = {key: self._sample(draw, self._slots[key]) for key in _SLOT.findall(text)}
        values: dict[str, Json] = {key: value.value for key, value in said.items()} | flags
        return Wording(_polite(draw, text, said), self._call(values))

    def state(self, draw: Draw) -> tuple[str, dict[str, Json]]:
        """A request, and those of its values that are said word for word, by slot."""
        text = draw.one(self._fitting(self.domain.requests))
        said = {key: self._sample(draw, self._slots[key]) for key in _SLOT.findall(text)}
        plain = {
            key.rpartition(".")[2]: value.value
            for key, value in said.items()
            if self._slots[key].kind not in _NORMALISED and not self._slots[key].allowed
        }
        return _polite(draw, text, said), plain

    def _with_tails(self, draw: Draw, text: str) -> tuple[str, dict[str, Json]]:
        """Optional slots and switches said after the request."""
        flags: dict[str, Json] = {}
        for key in draw.some(list(self._slots), len(self._slots)):
            slot = self._slots[key]
            if slot.kind == "flag" and key in self.domain.flags and draw.chance(0.4):
                text = _appended(text, draw.one(self.domain.flags[key]))
                flags[key] = True
            elif key in self.domain.tails and f"{{{key}}}" not in text and draw.chance(0.5):
                text = _appended(text, draw.one(self.domain.tails[key]))
        return text, flags

    def ask_incompletely(self, draw: Draw) -> tuple[str, str] | None:
        """A request without one required value, and the words for what is missing."""
        possible = [key for key in self.domain.incomplete if key in self._needed()]
        for key in draw.some(possible, len(possible)):
            patterns = self._fitting(self.domain.incomplete[key], without=key)
            if patterns:
                text = draw.one(patterns)
                said = {name: self._sample(draw, self._slots[name]) for name in _SLOT.findall(text)}
                return _polite(draw, text, said), self._slots[key].path[-1]
        return None

    def ask_beyond(self, draw: Draw) -> str | None:
        """A request close to the subject that this tool cannot serve."""
        patterns = self.domain.beyond
        fitting = [text for text in patterns if set(_SLOT.findall(text)) <= set(self._slots)]
        if not fitting:
            return None
        text = draw.one(fitting)
        said = {key: self._sample(draw, self._slots[key]) for key in _SLOT.findall(text)}
        return _polite(draw, text, said)

    def _call(self, values: Mapping[str, Json]) -> Call:
        """Arguments in the order of the engine's grammar: required first, then schema order."""
        ordered = sorted(self._slots.values(), key=lambda slot: not slot.required)
        paths = [(slot.path, values[slot.key]) for slot in ordered if slot.key in values]
        return Call(self.tool.name, nested(paths))

    def _sample(self, draw: Draw, slot: Slot) -> Value:
        if not slot.is_list:
            return self._single(draw, slot)
        drawn = [self._single(draw, slot) for _ in range(draw.weighted({1: 0.2, 2: 0.4, 3: 0.4}))]
        distinct = list({str(value.value): value for value in drawn}.values())
        surface = _joined(draw, [value.surface for value in distinct])
        return Value(surface, [value.value for value in distinct])

    def _single(self, draw: Draw, slot: Slot) -> Value:
        if slot.kind == "words":
            word = self._word(draw, slot.key)
            return Value(word, word)
        if slot.allowed:
            value = draw.one(slot.allowed)
            others = self.domain.spoken.get(slot.key, {}).get(value, ())
            plain = value.replace("_", " ")
            return Value(draw.one(others) if others and draw.chance(0.5) else plain, value)
        known = _EXTRA_KINDS.get(slot.kind) or KINDS[slot.kind]
        return known.sample(draw)

    def _word(self, draw: Draw, key: str) -> str:
        """Mostly a fitting word; now and then any other, so that copying does not become recall."""
        if draw.split is Split.HELDOUT or draw.chance(0.75):
            return draw.one(self.domain.words[key])
        return draw.one(draw.one(_all_words())) if draw.chance(0.5) else draw.thing()


def _filled(text: str, said: Mapping[str, Value]) -> str:
    return _SLOT.sub(lambda found: said[found[1]].surface, text)


def _appended(text: str, tail: str) -> str:
    """A tail that goes on with the sentence takes away its end; a new sentence keeps one end."""
    if tail.startswith("."):
        return text + (tail[1:] if text[-1] in ".?!" else tail)
    goes_on = tail[:1] == "," or tail[1:2].islower() or tail[1:2] in "-({"
    return (text.rstrip(".!?") if goes_on else text) + tail


def _mistyped(draw: Draw, pattern: str) -> str:
    """One letter lost, doubled or swapped, never inside a slot."""
    places = [
        place
        for part in re.finditer(r"(?<![{\w.])[a-z]{4,}(?![}\w.])", pattern)
        for place in range(part.start() + 1, part.end() - 1)
    ]
    if not places:
        return pattern
    place = draw.one(places)
    here, following = pattern[place], pattern[place + 1]
    changed = draw.one(("", here + here, following + here))
    skipped = 2 if changed == following + here else 1
    return pattern[:place] + changed + pattern[place + skipped :]


def _polite(draw: Draw, pattern: str, said: Mapping[str, Value]) -> str:
    """The pattern with its values; a value at its start keeps its case, because it is copied."""
    may_change = not pattern.startswith("{")
    text = _filled(_mistyped(draw, pattern) if draw.chance(0.07) else pattern, said)
    if may_change and draw.chance(0.15):
        text = text[0].upper() + text[1:]
    elif may_change and draw.chance(0.12):
        text = text[0].lower() + text[1:]
    if draw.chance(0.08):
        text = draw.one(("Hi, ", "Hello! ", "Please: ", "OK. ", "Hey! ", "Thanks. ")) + text
    if draw.chance(0.12) and text[-1] in ".?":
        text = text[:-1]
    text = f"{text} Thanks!" if draw.chance(0.04) and text[-1] in ".?!" else text
    return beside(draw, text)


def _slot_schema(draw: Draw, slot_key: str, kind: str, allowed: Sequence[str]) -> JsonObject:
    label = slot_key.rpartition(".")[2].replace("_", " ")
    if kind == "flag":
        schema: JsonObject = {"type": "boolean"}
    elif allowed:
        schema = {"type": "string", "enum": list[Json](allowed)}
    elif kind in _FIXED_CHOICES or kind == "words":
        schema = {"type": "string"}
    else:
        return _known_schema(draw, label, kind)
    if draw.chance(0.35):
        plain = f"The {label}" if kind != "flag" else f"Whether {label}"
        schema["description"] = _hint(draw, label) if draw.is_open and kind != "flag" else plain
    return schema


def _hint(draw: Draw, label: str) -> str:
    """What a parameter is, as makers of tools say it."""
    listed = ("The {n}", "{n}", "Name of the {n}", "Which {n}", "{n}, as the user says it")
    pattern = draw.one(
        (*listed, "The {n} to use", "{n} (text)", "e.g. {e}", "{n}, for example {e}")
    )
    text = pattern.replace("{n}", label).replace("{e}", draw.thing())
    return text[0].upper() + text[1:]


def _known_schema(draw: Draw, label: str, kind: str) -> JsonObject:
    known = _EXTRA_KINDS.get(kind) or KINDS[kind]
    schema: JsonObject = dict(known.schema)
    if known.schema.get("type") == "integer" and draw.chance(0.25):
        schema["type"] = "number"
    if "format" in schema and draw.chance(0.5):
        schema.pop("format")  # the only sign that a value is normalised, unless described
        schema["description"] = draw.one(known.hints)
    elif draw.chance(0.5):
        schema["description"] = draw.one(known.hints) if known.hints else f"The {label}"
    return schema


def _allowed(draw: Draw, domain: Domain, key: str, kind: str) -> tuple[str, ...]:
    if kind == "choice":
        values = domain.choices[key]
        if len(values) > 2 and draw.chance(0.3):
            values = tuple(draw.some(values, draw.whole(2, len(values))))
        return values
    if kind in _FIXED_CHOICES and (kind not in _OPEN_CHOICES or draw.chance(0.3)):
        return _FIXED_CHOICES[kind]
    return ()


def _slots(draw: Draw, domain: Domain, style: str) -> Iterator[Slot]:
    for key, label in domain.slots.items():
        required = not label.endswith("?")
        kind = label.rstrip("?")
        is_list = kind.endswith("[]")
        kind = kind.removesuffix("[]")
        if not required and draw.chance(0.35):
            continue
        allowed = _allowed(draw, domain, key, kind)
        schema = _slot_schema(draw, key, kind, allowed)
        if is_list:
            text = schema.pop("description", None)
            schema = {"type": "array", "items": schema}
            schema |= {"description": text} if text else {}
        path = tuple(styled(name, style) for name in key.split("."))
        if kind in _OPEN_CHOICES and not allowed:
            allowed = _FIXED_CHOICES[kind]  # an open string, said as one of these
        yield Slot(key, path, kind, required, is_list, schema, allowed)


def make_domain_tool(draw: Draw, domain: Domain, *, style: str) -> DomainTool:
    """The tool of a domain, with some of its optional parameters."""
    slots = tuple(_slots(draw, domain, style))
    parameters = nested_schema(draw, [(slot.path, slot.schema, slot.required) for slot in slots])
    description = "" if draw.chance(0.1) else draw.one(domain.descriptions)
    tool = Tool(styled(draw.one(domain.names), style), description, parameters)
    return DomainTool(domain, tool, slots)


def problems(domain: Domain) -> list[str]:
    """What is wrong with a domain's text; the tests want none."""
    found = []
    patterns = [*domain.requests, *domain.beyond]
    patterns += [text for texts in domain.tails.values() for text in texts]
    patterns += [text for texts in domain.incomplete.values() for text in texts]
    used = {key for text in patterns for key in _SLOT.findall(text)}
    found += [f"unknown slot {key}" for key in sorted(used - set(domain.slots))]
    required = {key for key, label in domain.slots.items() if not label.endswith("?")}
    found += [
        f"no {key} in {text!r}"
        for text in domain.requests
        for key in sorted(required)
        if f"{{{key}}}" not in text
    ]
    for key, label in domain.slots.items():
        kind = label.rstrip("?").removesuffix("[]")
        known = kind in _OWN_KINDS or kind in _FIXED_CHOICES or kind in _EXTRA_KINDS
        if not known and kind not in KINDS:
            found.append(f"unknown kind {kind} of {key}")
        for own, table in (
            ("choice", domain.choices),
            ("words", domain.words),
            ("flag", domain.flags),
        ):
            if kind == own and not table.get(key):
                found.append(f"{key} has no {own}")
    return found
