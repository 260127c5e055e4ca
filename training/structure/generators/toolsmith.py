"""Makes tools and the requests that call them, from verbs, nouns and argument kinds.

Names, descriptions and schemas vary as they do in the wild; the values in requests are open. The
order of arguments in a reference call is the order that the engine's grammar forces: required ones
first, each group in the order of the schema.
"""

import msgspec

from structure.conversation import Call, Json, JsonObject, Tool
from structure.generators.asks import beside, phrased
from structure.generators.draw import Draw, verb_phrases
from structure.generators.schemas import Wording, nested, nested_schema, styled, words_of
from structure.generators.spoken import listed
from structure.generators.values import ENUMS, KINDS, Value

__all__ = ["Parameter", "Workpiece", "make_tool", "request"]

_PLAIN_KINDS = tuple(kind for kind in KINDS if kind not in {"switch", "expression"})
_NAMED_LINKS = (
    "with {n} {v}",
    "with the {n} {v}",
    "{n} {v}",
    "the {n} is {v}",
    "where the {n} is {v}",
    "using {v} as the {n}",
    "and set the {n} to {v}",
    "{n}: {v}",
    "{n} = {v}",
    "with {v} as {n}",
    "with {n} set to {v}",
    "and {v} as the {n}",
    "{n} should be {v}",
    "I want the {n} to be {v}",
)
_ENUM_LINKS = (
    "with {v} {n}",
    "with {n} {v}",
    "{n} {v}",
    "as {v}",
    "in {v}",
    "({v})",
    "{n}: {v}",
    "set to {v}",
    "the {n} is {v}",
    "with {n} set to {v}",
    "and use {v}",
    "{v} please",
    "make the {n} {v}",
)
_OPENINGS = (
    "",
    "",
    "",
    "Please ",
    "please ",
    "Can you ",
    "Could you ",
    "Could you please ",
    "I want to ",
    "I need to ",
    "I would like to ",
    "I'd like you to ",
    "Hey, ",
    "Now ",
    "Hi, please ",
    "Would you ",
    "Can you please ",
    "We need to ",
    "Go ahead and ",
    "Next, ",
    "You should ",
    "Help me ",
    "Let's ",
    "Kindly ",
    "I have to ",
    "Quick, ",
    "My boss wants to ",
    "Hello! Please ",
    "OK, ",
    "Also ",
    "It is time to ",
    "One more thing: ",
    "I am trying to ",
    "Do me a favour and ",
)
_CLOSINGS = (
    "",
    "",
    "",
    ".",
    ".",
    ".",
    "?",
    " please",
    ", please.",
    "!",
    " now",
    " for me.",
    ", thanks.",
)
_ARTICLES = ("the", "the", "a", "my", "our", "this", "that", "")
_DESCRIPTIONS = (
    "{V} {a} {n}.",
    "{V} {a} {n}",
    "{V} the {n} of a customer.",
    "{V}s {a} {n} in the system.",
    "Use this to {v} {a} {n}.",
    "Tool that can {v} {a} {n}.",
    "{V} {n}s.",
    "{V} {n}",
    "",
    "This function lets you {v} {a} {n}.",
    "Lets the user {v} {a} {n}.",
    "API: {v} {n}.",
    "Call this when the user wants to {v} {a} {n}.",
)


class Parameter(msgspec.Struct, frozen=True):
    """One parameter and everything needed to ask for it."""

    name: str
    kind: str
    schema: JsonObject
    required: bool
    values: tuple[str, ...] = ()  # of an enumeration
    inside: str = ""  # the object that holds it, if any

    @property
    def path(self) -> tuple[str, ...]:
        """Where its value stands in the arguments."""
        return (self.inside, self.name) if self.inside else (self.name,)


class Workpiece(msgspec.Struct, frozen=True):
    """A tool, with what its schema alone does not say."""

    tool: Tool
    phrases: tuple[str, ...]
    noun: str
    parameters: tuple[Parameter, ...]


def _described(draw: Draw, schema: JsonObject, hint: str) -> JsonObject:
    """The schema of one parameter with the trimmings that libraries add."""
    shown: JsonObject = dict(schema)
    must_say = shown.get("format") is not None  # the only sign that a value is normalised
    if must_say and draw.chance(0.5):
        shown.pop("format")
        shown["description"] = hint
    elif draw.chance(0.55):
        shown["description"] = hint
    if draw.chance(0.08):
        shown["title"] = draw.word("adjectives").capitalize()
    return dict(reversed(shown.items())) if draw.chance(0.15) else shown


def _option(draw: Draw) -> str:
    return draw.any_word("adjectives") if draw.is_open and draw.chance(0.5) else draw.coined()


def _enum_parameter(draw: Draw, style: str, *, required: bool) -> Parameter:
    names, values = draw.one(ENUMS)
    name = draw.kept(names)
    chosen = draw.some(values, draw.whole(2, len(values)))
    if draw.chance(0.35):
        chosen = list({_option(draw): None for _ in range(draw.whole(2, 4))})
    schema: JsonObject = {"type": "string", "enum": list[Json](chosen)}
    kind = "enum"
    if len(chosen) > 2 and draw.chance(0.15):
        schema, kind = {"type": "array", "items": schema}, "enums"
    schema = _described(draw, schema, f"The {words_of(name)}")
    return Parameter(styled(name, style), kind, schema, required, tuple(chosen))


def _plain_parameter(draw: Draw, style: str, *, required: bool) -> Parameter:
    label = draw.one(_PLAIN_KINDS) if draw.chance(0.93) else "switch"
    kind = KINDS[label]
    name = draw.kept(kind.names)
    if draw.chance(0.12):
        name = f"{draw.coined(2)}_{name}"
    elif draw.is_open and draw.chance(0.2):
        name = f"{draw.any_word('nouns')}_{name}"
    schema = _described(draw, kind.schema, draw.one(kind.hints))
    return Parameter(styled(name, style), label, schema, required)


def _make_parameters(draw: Draw, style: str) -> tuple[Parameter, ...]:
    count = draw.weighted({0: 0.08, 1: 0.37, 2: 0.33, 3: 0.16, 4: 0.06})
    made: dict[str, Parameter] = {}
    for position in range(count):
        make = _enum_parameter if draw.chance(0.16) else _plain_parameter
        parameter = make(draw, style, required=position == 0 or draw.chance(0.6))
        made.setdefault(parameter.name, parameter)
    parameters = list(made.values())
    return tuple(draw.some(parameters, len(parameters)))


_OBJECTS = ("options", "details", "filter", "settings", "params", "address", "config", "query")


def _grouped(draw: Draw, parameters: tuple[Parameter, ...], style: str) -> tuple[Parameter, ...]:
    """Now and then two or more neighbours stand in an object."""
    if len(parameters) < 2 or not draw.chance(0.14):
        return parameters
    name = styled(draw.kept(_OBJECTS), style)
    if name in {item.name for item in parameters}:
        return parameters
    first = draw.whole(0, len(parameters) - 2)
    return tuple(
        msgspec.structs.replace(item, inside=name) if number >= first else item
        for number, item in enumerate(parameters)
    )


def _description(draw: Draw, verb: str, noun: str) -> str:
    article = "an" if noun[0] in "aeiou" else "a"
    pattern = phrased(draw, _DESCRIPTIONS, "descriptions")
    return pattern.format(V=verb.capitalize(), v=verb, a=article, n=noun)


def _verb(draw: Draw) -> tuple[str, tuple[str, ...]]:
    """A verb with what people say for it; one in five is any word, said as it stands."""
    if draw.is_open and draw.chance(0.2):
        word = draw.any_word("nouns")
        return word, (word,)
    return draw.one(verb_phrases(draw.split))


def make_tool(draw: Draw, *, style: str, noun: str | None = None) -> Workpiece:
    """A tool named by a verb and a noun; now and then the noun is made up."""
    verb, phrases = _verb(draw)
    noun = noun or (draw.coined() if draw.chance(0.12) else draw.any_word("nouns"))
    if draw.chance(0.15):
        noun = f"{draw.any_word('adjectives')} {noun}"
    name = f"{verb}_{noun}".replace(" ", "_")
    parameters = _grouped(draw, _make_parameters(draw, style), style)
    schema = nested_schema(draw, [(item.path, item.schema, item.required) for item in parameters])
    tool = Tool(styled(name, style), _description(draw, verb, noun), schema)
    return Workpiece(tool, phrases, noun, parameters)


def sample_value(draw: Draw, parameter: Parameter) -> Value:
    """A value for the parameter as its schema wants it."""
    if parameter.kind == "enum":
        value = draw.one(parameter.values)
        return Value(value.replace("_", " "), value)
    if parameter.kind == "enums":
        chosen = draw.some(parameter.values, draw.whole(1, 3))
        shown = [value.replace("_", " ") for value in chosen]
        return Value(listed(shown), list[Json](chosen))
    return KINDS[parameter.kind].sample(draw)


def _link(draw: Draw, parameter: Parameter, *, alone: bool) -> str:
    """The phrase around a value; it names the parameter unless the kind is unmistakable."""
    if parameter.kind in {"enum", "enums"}:
        return phrased(draw, _ENUM_LINKS, "enum_links")
    links = KINDS[parameter.kind].links
    if not alone or not links or draw.chance(0.35):
        return phrased(draw, _NAMED_LINKS, "named_links")
    return draw.one(links)


def ordered_call(tool: Workpiece, values: dict[str, Json]) -> Call:
    """The call with its arguments in the order of the engine's grammar."""
    ordered = sorted(tool.parameters, key=lambda parameter: not parameter.required)
    given = [(item.path, values[item.name]) for item in ordered if item.name in values]
    return Call(tool.tool.name, nested(given))


def _phrases(draw: Draw, tool: Workpiece, omit: str | None) -> tuple[list[str], dict[str, Json]]:
    """Argument phrases in random order, free text last, and the values they carry."""
    groups = [_group(parameter.kind) for parameter in tool.parameters]
    early: list[str] = []
    late: list[str] = []
    values: dict[str, Json] = {}
    for parameter in draw.some(tool.parameters, len(tool.parameters)):
        if parameter.name == omit or (not parameter.required and draw.chance(0.45)):
            continue
        value = sample_value(draw, parameter)
        alone = groups.count(_group(parameter.kind)) == 1
        link = _link(draw, parameter, alone=alone)
        free = parameter.kind in KINDS and KINDS[parameter.kind].comes_last
        (late if free else early).append(link.format(n=words_of(parameter.name), v=value.surface))
        values[parameter.name] = value.value
    return early + late, values


def _group(kind: str) -> str:
    """Kinds that a reader could mistake for one another share a group."""
    groups = {
        "iso_date": "when",
        "day": "when",
        "clock": "when",
        "time": "when",
        "person": "who",
        "company": "who",
        "email": "who",
        "phone": "who",
        "people": "count",
        "limit": "count",
        "quantity": "count",
        "percent": "count",
        "money": "count",
        "number": "count",
        "days": "span",
        "minutes": "span",
        "thing": "what",
        "title": "what",
        "topic": "what",
        "text": "what",
        "items": "what",
        "url": "from",
        "path": "from",
    }
    return groups.get(kind, kind)


def _joined(draw: Draw, phrases: list[str]) -> str:
    glue = draw.weighted({" ": 0.7, ", ": 0.2, " and ": 0.1})
    return glue.join(phrases).replace(" :", ":")


def request(draw: Draw, tool: Workpiece, *, omit: str | None = None) -> Wording:
    """A request for the tool; `omit` leaves one parameter unsaid."""
    phrases, values = _phrases(draw, tool, omit)
    said = words_of(tool.tool.name) if draw.chance(0.15) else draw.one(tool.phrases)
    noun = tool.noun + ("s" if draw.chance(0.12) else "")
    core = " ".join(part for part in (said, draw.one(_ARTICLES), noun) if part)
    if said.endswith(noun):
        core = said
    details = _joined(draw, phrases)
    if phrases and draw.chance(0.1):
        text = f"{details}: {core}"
    else:
        text = f"{core} {details}".strip().replace(" :", ":")
    text = phrased(draw, _OPENINGS, "openings") + text
    text = text[0].upper() + text[1:] if draw.chance(0.75) else text
    text = beside(draw, text + _closing(draw, tool, text), may_follow=not _ends_freely(tool))
    return Wording(text, ordered_call(tool, values))


def _ends_freely(tool: Workpiece) -> bool:
    """Whether free text stands last, of which a sentence after it would seem a part."""
    return any(item.kind in KINDS and KINDS[item.kind].comes_last for item in tool.parameters)


def _closing(draw: Draw, tool: Workpiece, text: str) -> str:
    """The end of a request; after unquoted free text it must not look like part of the value."""
    if text.endswith('"'):
        return ""
    return draw.one(("", ".")) if _ends_freely(tool) else phrased(draw, _CLOSINGS, "closings")
