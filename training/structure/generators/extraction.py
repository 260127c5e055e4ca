"""Extraction: a text and the names of fields in, one JSON object out; a missing field is null."""

import json
from collections.abc import Callable

import msgspec

from structure.conversation import Conversation, Goal, Json, JsonObject, Role, Turn
from structure.generators.asks import phrased, posed
from structure.generators.chat import system_turns
from structure.generators.domains import domains, make_domain_tool
from structure.generators.draw import Draw
from structure.generators.schemas import words_of
from structure.generators.values import KINDS, Value, clock_time

__all__ = ["make_extraction"]


class Fact(msgspec.Struct, frozen=True):
    """A field that a sentence can state; sentences have one {v}, and {s} for the subject."""

    names: tuple[str, ...]
    sentences: tuple[str, ...]
    sample: Callable[[Draw], Value]


def _plain(low: int, high: int) -> Callable[[Draw], Value]:
    def sample(draw: Draw) -> Value:
        number = draw.whole(low, high)
        return Value(str(number), number)

    return sample


def _text(make: Callable[[Draw], str]) -> Callable[[Draw], Value]:
    def sample(draw: Draw) -> Value:
        text = make(draw)
        return Value(text, text)

    return sample


_JOBS = (
    "nurse",
    "teacher",
    "plumber",
    "engineer",
    "cook",
    "driver",
    "painter",
    "lawyer",
    "pilot",
    "baker",
    "clerk",
    "tailor",
    "gardener",
    "farmer",
    "dentist",
    "editor",
    "mechanic",
)

_PERSON_FACTS = (
    Fact(
        ("age", "years", "age_years"),
        (
            "{s} is {v} years old",
            "{s} is {v}",
            "{s} turned {v}",
            "{s}, aged {v}",
            "At {v}, {s} is retired",
        ),
        _plain(2, 99),
    ),
    Fact(
        ("city", "home", "location", "residence"),
        (
            "{s} lives in {v}",
            "{s} comes from {v}",
            "{s} is from {v}",
            "{s} moved to {v}",
            "The home of {s} is {v}",
        ),
        _text(Draw.place),
    ),
    Fact(
        ("email", "mail", "email_address"),
        (
            "The address of {s} is {v}",
            "{s} can be reached at {v}",
            "Write to {s} at {v}",
            "E-mail: {v}",
        ),
        KINDS["email"].sample,
    ),
    Fact(
        ("phone", "telephone", "phone_number"),
        ("The number of {s} is {v}", "Call {s} on {v}", "Phone: {v}", "Tel. {v}"),
        KINDS["phone"].sample,
    ),
    Fact(
        ("company", "employer", "workplace"),
        ("{s} works at {v}", "{s} works for {v}", "{s} joined {v}", "{s} is employed by {v}"),
        _text(Draw.company),
    ),
    Fact(
        ("job", "profession", "occupation", "role"),
        ("{s} is a {v}", "{s} works as a {v}", "{s} was hired as a {v}"),
        _text(lambda draw: draw.one(_JOBS)),
    ),
    Fact(
        ("birthday", "birth_date", "born"),
        ("{s} was born on {v}", "{s}'s birthday is {v}"),
        KINDS["iso_date"].sample,
    ),
    Fact(("pet", "hobby", "possession"), ("{s} owns a {v}", "{s} has a {v}"), _text(Draw.thing)),
)
_DEAL_FACTS = (
    Fact(
        ("product", "item", "article"),
        (
            "The order is for a {v}",
            "It contains a {v}",
            "Item: {v}",
            "They bought a {v}",
            "We ship the {v}",
        ),
        _text(Draw.thing),
    ),
    Fact(
        ("quantity", "count", "pieces"),
        ("{v} pieces were ordered", "Quantity: {v}", "They want {v} of them"),
        _plain(1, 400),
    ),
    Fact(
        ("total", "amount", "price", "sum"),
        (
            "The total is {v} euros",
            "It costs ${v}",
            "Total: {v} EUR",
            "The price was {v} dollars",
            "{v} euros are due",
        ),
        KINDS["money"].sample,
    ),
    Fact(
        ("invoice_number", "order_id", "reference", "number"),
        ("The reference is {v}", "Invoice {v}", "Order number {v}", "Your number: {v}"),
        KINDS["identifier"].sample,
    ),
    Fact(
        ("date", "order_date", "invoice_date"),
        ("It was placed on {v}", "Date: {v}", "The invoice is dated {v}"),
        KINDS["iso_date"].sample,
    ),
    Fact(
        ("due_date", "deadline", "pay_by"),
        ("Please pay by {v}", "It is due on {v}"),
        KINDS["iso_date"].sample,
    ),
    Fact(
        ("customer", "buyer", "client"),
        ("The customer is {v}", "It was ordered by {v}", "Bill to: {v}"),
        _text(Draw.person),
    ),
    Fact(
        ("vendor", "seller", "supplier"),
        ("The seller is {v}", "It comes from {v}", "Vendor: {v}", "Regards, {v}"),
        _text(Draw.company),
    ),
    Fact(
        ("city", "destination", "delivery_city"),
        ("Deliver it to {v}", "It ships to {v}"),
        _text(Draw.place),
    ),
)
_EVENT_FACTS = (
    Fact(
        ("title", "event", "name"),
        ("The {v} meeting is planned", "Event: {v}", "We invite you to the {v} evening"),
        _text(Draw.thing),
    ),
    Fact(
        ("date", "day"),
        ("It takes place on {v}", "Date: {v}", "Save {v}"),
        KINDS["iso_date"].sample,
    ),
    Fact(
        ("time", "start_time"), ("It starts at {v}", "Doors open at {v}", "Time: {v}"), clock_time
    ),
    Fact(
        ("place", "location", "city"),
        ("We meet in {v}", "It is in {v}", "Venue: {v}"),
        _text(Draw.place),
    ),
    Fact(
        ("host", "organiser", "speaker"),
        ("{v} is the host", "The speaker is {v}", "Organised by {v}"),
        _text(Draw.person),
    ),
    Fact(
        ("guests", "attendees", "seats"),
        ("{v} guests are expected", "There are {v} seats"),
        _plain(2, 300),
    ),
    Fact(("url", "link", "website"), ("More at {v}", "Register at {v}"), KINDS["url"].sample),
)
_TOPICS = ("person", "deal", "event")
_ASKS = (
    "Extract the {f}: {t}",
    "Extract the {f} from this text: {t}",
    "Extract {f} as JSON: {t}",
    "Return a JSON object with {f}.\n\n{t}",
    "{t}\n\nGive me the {f} as JSON.",
    "Read the text and return JSON with the keys {f}.\nText: {t}",
    "Get the {f} from: {t}",
    "From the text below, extract {f}.\n\n{t}",
    "{t}\nExtract the {f} from the text above.",
    "What are the {f} in this text? Answer in JSON. {t}",
    'Find the {f}: "{t}"',
    "Fill the fields {f} from this message: {t}",
    "Parse this into JSON ({f}): {t}",
    "Please extract {f} in JSON format.\n{t}",
    "JSON with {f}, please: {t}",
    "{f} as JSON: {t}",
)
_SCHEMA_ASKS = (
    "Extract data that matches this schema: {s}\n\n{t}",
    "{t}\n\nAnswer in JSON with this schema: {s}",
    "Use the JSON schema {s} for this text: {t}",
    "Text: {t}\nSchema: {s}",
)


def _stated(draw: Draw, fact: Fact, subject: str, *, names_subject: bool) -> tuple[str, Json]:
    value = fact.sample(draw)
    fitting = [text for text in fact.sentences if "{s}" in text or not names_subject]
    sentence = draw.kept(fitting).format(s=subject, v=value.surface)
    return sentence[0].upper() + sentence[1:], value.value


def _story(draw: Draw) -> tuple[list[str], JsonObject]:
    """Sentences and the facts they state."""
    topic = draw.one(_TOPICS)
    facts = {"person": _PERSON_FACTS, "deal": _DEAL_FACTS, "event": _EVENT_FACTS}[topic]
    subject = draw.person()
    known: JsonObject = (
        {draw.kept(("name", "person", "full_name")): subject} if topic == "person" else {}
    )
    sentences: list[str] = []
    for number, fact in enumerate(draw.some(facts, draw.whole(1, 4))):
        pronoun = subject if number == 0 else draw.one((subject, "He", "She", "They"))
        first = topic == "person" and number == 0
        sentence, value = _stated(draw, fact, pronoun, names_subject=first)
        sentences.append(sentence)
        known.setdefault(draw.kept(fact.names), value)
    if draw.chance(0.3):
        sentences.insert(
            draw.whole(0, len(sentences)) if topic != "person" else len(sentences), draw.sentence()
        )
    return sentences, known


def _asked(draw: Draw, known: JsonObject) -> JsonObject:
    """Some of the known fields, in random order, now and then one that the text lacks."""
    names = draw.some(list(known), draw.whole(1, len(known)))
    asked = {name: known[name] for name in names}
    if draw.chance(0.15):
        asked.setdefault(draw.one(("country", "discount", "tax", "nickname", "colour")), None)
    return asked


def _field_list(draw: Draw, names: list[str]) -> str:
    shown = [words_of(name) if "_" not in name else name for name in names]
    glue = draw.one((", ", ", ", " and "))
    if glue == " and " or len(shown) < 2:
        return (
            " and ".join(shown) if len(shown) < 3 else ", ".join(shown[:-1]) + f" and {shown[-1]}"
        )
    return glue.join(shown)


def _schema(fields: JsonObject) -> str:
    def kind(value: Json) -> JsonObject:
        if isinstance(value, list):
            return {"type": "array", "items": kind(value[0] if value else "")}
        return {"type": "string" if isinstance(value, str) or value is None else "number"}

    properties: JsonObject = {name: kind(value) for name, value in fields.items()}
    return json.dumps({"type": "object", "properties": properties})


def _question(draw: Draw, text: str, fields: JsonObject) -> list[Turn]:
    names = _field_list(draw, list(fields))
    by_schema = draw.chance(0.2)
    pattern = (
        posed(draw, _SCHEMA_ASKS, "extraction_by_schema")
        if by_schema
        else posed(draw, _ASKS, "extraction")
    )
    question = pattern.replace("{t}", text).replace("{f}", names)
    question = question.replace("{s}", _schema(fields)) if by_schema else question
    answer = json.dumps(fields, ensure_ascii=False)
    return [Turn(Role.USER, question), Turn(Role.ASSISTANT, answer, goal=Goal.JSON)]


def _from_story(draw: Draw) -> list[Turn]:
    """Facts in a few sentences about one person, order or event."""
    sentences, known = _story(draw)
    text = ". ".join(sentences) + draw.one((".", ".", ""))
    return _question(draw, text, _asked(draw, known))


def _from_request(draw: Draw) -> list[Turn]:
    """The details of a natural request, under the names that its tool has for them."""
    while True:
        domain = draw.one(domains(draw.split))
        text, known = make_domain_tool(draw, domain, style="snake").state(draw)
        if known:
            break
    fields: JsonObject = dict(known)
    if draw.chance(0.1):
        fields.setdefault(draw.one(("country", "discount", "tax", "nickname", "colour")), None)
    return _question(draw, text, fields)


_LABELS = [
    "Name",
    "Customer",
    "Item",
    "Order",
    "Total",
    "City",
    "Phone",
    "Email",
    "Reference",
    "Room",
    "Code",
    "Owner",
    "Status",
    "Supplier",
    "Contact",
    "Project",
    "Price",
    "Quantity",
    "Weight",
    "Model",
    "Version",
    "Host",
    "Port",
    "Account",
    "Branch",
    "Driver",
    "Route",
    "Team",
]
_LABEL_VALUES: dict[str, Callable[[Draw], Value]] = {
    "Total": KINDS["money"].sample,
    "Price": KINDS["money"].sample,
    "Quantity": _plain(1, 400),
    "Port": _plain(20, 9999),
    "Room": _plain(1, 500),
    "Weight": _plain(1, 90),
    "City": _text(Draw.place),
    "Branch": _text(Draw.place),
    "Email": KINDS["email"].sample,
    "Phone": KINDS["phone"].sample,
    "Item": _text(Draw.thing),
    "Supplier": _text(Draw.company),
    "Project": _text(Draw.coined),
    "Host": _text(Draw.coined),
    "Team": _text(Draw.coined),
}
_CODED = frozenset({"Order", "Reference", "Code", "Model", "Version", "Account", "Route"})


def _labelled(draw: Draw, name: str) -> Value:
    if name in _CODED:
        return KINDS["identifier"].sample(draw)
    make = _LABEL_VALUES.get(name)
    if make is not None:
        return make(draw)
    person = draw.person()
    return Value(person, person)


def _from_lines(draw: Draw) -> list[Turn]:
    """A form, a log line or a row with named values; some have lists."""
    names = draw.some(_LABELS, draw.whole(2, 6))
    if draw.chance(0.2):
        names.append(draw.coined(2).capitalize())
    values = {name: _labelled(draw, name) for name in names}
    if draw.chance(0.25):
        things = [draw.thing() for _ in range(draw.whole(2, 4))]
        values["Items"] = Value(", ".join(things), list[Json](things))
    mark, glue = draw.one(((": ", "\n"), ("=", " "), (" = ", "; "), (": ", ", "), (" - ", "\n")))
    if glue == ", " and "Items" in values:
        glue = "\n"
    text = glue.join(f"{name}{mark}{value.surface}" for name, value in values.items())
    asked = draw.some(list(values), draw.whole(1, len(values)))
    fields: JsonObject = {name.lower(): values[name].value for name in asked}
    return _question(draw, text, fields)


_OPEN_STATEMENTS = (
    "The {n} is {v}",
    "Its {n} is {v}",
    "{n}: {v}",
    "with a {n} of {v}",
    "the {n} was {v}",
    "We noted {v} as the {n}",
    "As {n} we have {v}",
    "{v} is the {n}",
    "{n} {v}",
    "They gave {v} for the {n}",
    "the {n} should read {v}",
)
_OPEN_VALUES: tuple[Callable[[Draw], Value], ...] = (
    _text(Draw.thing),
    _text(Draw.thing),
    _text(Draw.person),
    _text(Draw.place),
    _text(Draw.company),
    KINDS["identifier"].sample,
    KINDS["email"].sample,
    KINDS["iso_date"].sample,
    KINDS["money"].sample,
    _plain(1, 9_999),
)


def _from_open_facts(draw: Draw) -> list[Turn]:
    """Facts about anything, under names that are words of any kind."""
    names = list(dict.fromkeys(draw.any_word("nouns") for _ in range(draw.whole(2, 5))))
    values = {name: draw.one(_OPEN_VALUES)(draw) for name in names}
    stated = []
    for name, value in values.items():
        pattern = phrased(draw, _OPEN_STATEMENTS, "statements", share=0.6)
        stated.append(pattern.replace("{n}", name).replace("{v}", value.surface))
    if draw.chance(0.3):
        stated.insert(draw.whole(0, len(stated)), draw.sentence())
    glue = draw.one((". ", ". ", ", ", "; ", "\n"))
    text = glue.join(stated) + draw.one((".", ""))
    known: JsonObject = {name: value.value for name, value in values.items()}
    return _question(draw, text[0].upper() + text[1:], _asked(draw, known))


_SOURCES = {_from_story: 0.35, _from_request: 0.4, _from_lines: 0.25}
_OPEN_SOURCES = {**_SOURCES, _from_open_facts: 0.3}


def make_extraction(draw: Draw) -> Conversation:
    """One or more extraction requests."""
    turns = system_turns(draw, chance=0.3)
    for _ in range(draw.weighted({1: 0.7, 2: 0.25, 3: 0.05})):
        turns += draw.weighted(_OPEN_SOURCES if draw.is_open else _SOURCES)(draw)
    return Conversation("extraction", tuple(turns))
