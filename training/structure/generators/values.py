"""Argument kinds: what a parameter is called, how users phrase it, and which JSON value it means.

Most kinds copy the user's words. A few normalise (ISO dates, times, number words, amounts), and
then the parameter's schema says so, because otherwise the model could not know which is wanted.
"""

import datetime
from collections.abc import Callable

import msgspec

from structure.conversation import Json, JsonObject
from structure.generators.draw import Draw
from structure.generators.spoken import (
    MONTHS,
    listed,
    number_word,
    ordinal,
    spoken_date,
    spoken_time,
)

__all__ = [
    "ENUMS",
    "KINDS",
    "Kind",
    "Value",
    "clock_time",
    "iso_date",
]


class Value(msgspec.Struct, frozen=True):
    """A value as the user says it and as JSON must carry it."""

    surface: str
    value: Json


class Kind(msgspec.Struct, frozen=True):
    """One sort of parameter."""

    names: tuple[str, ...]
    links: tuple[str, ...]  # phrases with {v}; they suit every name of the kind
    sample: Callable[[Draw], Value]
    schema: JsonObject
    hints: tuple[str, ...] = ()
    comes_last: bool = False  # free text that would swallow what follows


def _copied(make: Callable[[Draw], str]) -> Callable[[Draw], Value]:
    def sample(draw: Draw) -> Value:
        text = make(draw)
        return Value(text, text)

    return sample


def _date(draw: Draw) -> datetime.date:
    return datetime.date(2019, 1, 1) + datetime.timedelta(days=draw.whole(0, 4380))


def iso_date(draw: Draw) -> Value:
    """A date that must come out as YYYY-MM-DD."""
    date = _date(draw)
    surface = date.isoformat() if draw.chance(0.25) else spoken_date(draw, date)
    return Value(surface, date.isoformat())


def _day(draw: Draw) -> str:
    weekday = draw.one(
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    )
    date = _date(draw)
    forms = (
        "today",
        "tomorrow",
        weekday,
        f"next {weekday}",
        f"{MONTHS[date.month - 1]} {date.day}",
    )
    return draw.one((*forms, f"the {ordinal(date.day)}", f"in {draw.whole(2, 9)} days"))


def clock_time(draw: Draw) -> Value:
    """A time that must come out as HH:MM."""
    hour, minute = draw.whole(0, 23), draw.one((0, 0, 15, 30, 45, draw.whole(1, 59)))
    value = f"{hour:02}:{minute:02}"
    if draw.chance(0.4):
        return Value(value, value)
    return Value(spoken_time(draw, hour, minute), value)


def _time_text(draw: Draw) -> str:
    return draw.one(
        (f"{draw.whole(1, 12)} {draw.one(('am', 'pm'))}", f"{draw.whole(8, 21)}:30", "noon")
    )


def _count(low: int, high: int) -> Callable[[Draw], Value]:
    def sample(draw: Draw) -> Value:
        number = draw.whole(low, high)
        return Value(number_word(number) if draw.chance(0.3) else str(number), number)

    return sample


def amount(draw: Draw) -> Value:
    """A number with at most two decimals and no trailing zero."""
    if draw.chance(0.4):
        number = draw.whole(1, 9_999)
        return Value(str(number), number)
    cents = draw.whole(1, 99_999)
    value: Json = cents // 100 if cents % 100 == 0 else cents / 100
    return Value(f"{cents / 100:.2f}" if draw.chance(0.3) else f"{value}", value)


def _identifier(draw: Draw) -> str:
    letters = "".join(draw.one("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(draw.whole(1, 3)))
    forms = (
        draw.digits(draw.whole(3, 7)),
        f"{letters}-{draw.digits(draw.whole(2, 5))}",
        f"{letters}{draw.digits(draw.whole(2, 5))}",
        f"{draw.coined(2)}_{draw.digits(2)}",
        "".join(draw.one("0123456789abcdef") for _ in range(8)),
    )
    return draw.one(forms)


def _email(draw: Draw) -> str:
    name = draw.given_name().lower()
    tail = draw.one((f".{draw.coined(2)}", "", draw.digits(2), f"_{draw.coined(1)}"))
    return f"{name}{tail}@{draw.coined(2)}.{draw.one(('com', 'org', 'net', 'io', 'example'))}"


def _url(draw: Draw) -> str:
    path = f"/{draw.coined(2)}" if draw.chance(0.6) else ""
    return f"https://{draw.coined(2)}.{draw.one(('com', 'org', 'dev', 'net'))}{path}"


def _path(draw: Draw) -> str:
    name = f"{draw.coined(2)}.{draw.one(('txt', 'csv', 'json', 'md', 'py', 'log', 'pdf', 'yaml'))}"
    return draw.one((name, name, f"/{draw.coined(2)}/{name}", f"{draw.coined(2)}/{name}"))


def _phone(draw: Draw) -> str:
    return f"+{draw.whole(1, 99)} {draw.digits(3)} {draw.digits(draw.whole(4, 7))}"


def _expression(draw: Draw) -> str:
    numbers = [str(draw.whole(2, 999)) for _ in range(draw.whole(2, 3))]
    text = numbers[0]
    for number in numbers[1:]:
        text += f" {draw.one('+-*/')} {number}"
    return text


def _list(draw: Draw) -> Value:
    items = [draw.word("objects") if draw.chance(0.5) else draw.coined() for _ in range(4)]
    items = list(dict.fromkeys(items))[: draw.weighted({1: 0.25, 2: 0.35, 3: 0.3, 4: 0.1})]
    return Value(listed(items), list[Json](items))


def _numbers(draw: Draw) -> Value:
    numbers = [draw.whole(0, draw.one((9, 99, 999))) for _ in range(draw.whole(2, 5))]
    shown = [str(number) for number in numbers]
    return Value(draw.one((listed(shown), ", ".join(shown))), list[Json](numbers))


def _emails(draw: Draw) -> Value:
    addresses = [_email(draw) for _ in range(draw.whole(1, 3))]
    return Value(listed(addresses), list[Json](addresses))


def _switch(draw: Draw) -> Value:
    on = draw.chance(0.6)
    return Value(draw.one(("true", "on", "yes") if on else ("false", "off", "no")), on)


_STRING: JsonObject = {"type": "string"}
_INTEGER: JsonObject = {"type": "integer"}
_NUMBER: JsonObject = {"type": "number"}

KINDS: dict[str, Kind] = {
    "place": Kind(
        ("city", "location", "place", "town", "destination", "city_name", "where"),
        ("in {v}", "for {v}", "near {v}", "at {v}", "around {v}"),
        _copied(Draw.place),
        _STRING,
        ("City name", "The city", "Where", "Name of the city, e.g. Oslo"),
    ),
    "person": Kind(
        (
            "name",
            "person",
            "recipient",
            "assignee",
            "owner",
            "customer",
            "contact",
            "user",
            "guest",
        ),
        ("for {v}", "to {v}", "on behalf of {v}", "under the name {v}"),
        _copied(Draw.person),
        _STRING,
        ("Full name", "Name of the person", "Who"),
    ),
    "company": Kind(
        ("company", "vendor", "supplier", "organisation", "client", "company_name"),
        ("for {v}", "from {v}", "at {v}", "with {v}"),
        _copied(Draw.company),
        _STRING,
        ("Company name", "The company"),
    ),
    "email": Kind(
        ("email", "to", "address", "email_address", "recipient_email"),
        ("to {v}", "for {v}", "at {v}", "using {v}"),
        _copied(_email),
        _STRING,
        ("E-mail address", "The address to use"),
    ),
    "thing": Kind(
        ("item", "product", "object", "article", "label", "product_name", "subject"),
        ("for the {v}", "of the {v}", "with the {v}", "for a {v}"),
        _copied(Draw.thing),
        _STRING,
        ("Name of the item", "The product", "What it is about"),
    ),
    "identifier": Kind(
        ("id", "number", "reference", "code", "key", "ticket_id", "order_id", "serial"),
        ("with id {v}", "number {v}", "{v}", "#{v}", "with the code {v}", "no. {v}"),
        _copied(_identifier),
        _STRING,
        ("Identifier", "The id", "Reference number"),
    ),
    "iso_date": Kind(
        ("date", "day", "start_date", "due_date", "when", "from_date"),
        ("on {v}", "for {v}", "dated {v}", "by {v}"),
        iso_date,
        {"type": "string", "format": "date"},
        ("Date as YYYY-MM-DD", "Date (YYYY-MM-DD)"),
    ),
    "day": Kind(
        ("day", "when", "date", "deadline"),
        ("{v}", "for {v}", "by {v}"),
        _copied(_day),
        _STRING,
        ("Day as the user says it", "Which day"),
    ),
    "clock": Kind(
        ("time", "start_time", "at", "hour"),
        ("at {v}", "from {v}", "for {v}"),
        clock_time,
        {"type": "string", "format": "time"},
        ("Time as HH:MM", "24-hour time, HH:MM"),
    ),
    "time": Kind(
        ("time", "start", "when"),
        ("at {v}", "for {v}", "around {v}"),
        _copied(_time_text),
        _STRING,
        ("Time of day", "Time as the user says it"),
    ),
    "people": Kind(
        ("people", "guests", "party_size", "persons", "attendees", "seats"),
        ("for {v} people", "for {v} persons", "for {v} guests", "for a group of {v}"),
        _count(2, 20),
        _INTEGER,
        ("Number of people", "How many guests"),
    ),
    "days": Kind(
        ("days", "duration_days", "num_days", "period_days"),
        ("for {v} days", "over {v} days", "for the next {v} days"),
        _count(2, 30),
        _INTEGER,
        ("Number of days", "How many days"),
    ),
    "minutes": Kind(
        ("minutes", "duration", "duration_minutes", "length_minutes"),
        ("for {v} minutes", "of {v} minutes", "lasting {v} minutes"),
        _count(2, 120),
        _INTEGER,
        ("Minutes", "Duration in minutes"),
    ),
    "limit": Kind(
        ("limit", "max_results", "top", "count", "n"),
        ("limited to {v}", "at most {v}", "only the first {v}", "top {v}", "no more than {v}"),
        _count(1, 100),
        _INTEGER,
        ("Maximum number of results", "How many to return"),
    ),
    "quantity": Kind(
        ("quantity", "amount", "units", "pieces", "count"),
        ("{v} pieces", "{v} units", "{v} times", "quantity {v}"),
        _count(1, 500),
        _INTEGER,
        ("How many", "Number of units"),
    ),
    "percent": Kind(
        ("percent", "level", "percentage", "brightness", "volume"),
        ("at {v} percent", "to {v}%", "to {v} percent", "at {v}%"),
        _count(1, 100),
        _INTEGER,
        ("Level from 0 to 100", "Percentage"),
    ),
    "money": Kind(
        ("amount", "price", "total", "sum", "budget", "cost"),
        ("of {v} euros", "for {v} dollars", "of ${v}", "worth {v}", "of {v} EUR", "with {v} euros"),
        amount,
        _NUMBER,
        ("Amount of money", "The amount", "Price"),
    ),
    "number": Kind(
        ("value", "score", "weight", "temperature", "threshold", "factor"),
        ("of {v}", "at {v}", "to {v}", "with a value of {v}"),
        amount,
        _NUMBER,
        ("A number", "The value"),
    ),
    "url": Kind(
        ("url", "link", "website", "page_url", "endpoint"),
        ("from {v}", "at {v}", "for {v}", "on {v}"),
        _copied(_url),
        _STRING,
        ("Web address", "The URL", "Full URL"),
    ),
    "path": Kind(
        ("path", "file", "filename", "file_path", "source"),
        ("from {v}", "in {v}", "{v}", "for {v}", "named {v}"),
        _copied(_path),
        _STRING,
        ("Path of the file", "File name", "The file"),
    ),
    "phone": Kind(
        ("phone", "phone_number", "mobile", "telephone"),
        ("to {v}", "at {v}", "on {v}", "for {v}"),
        _copied(_phone),
        _STRING,
        ("Phone number", "Number to call"),
    ),
    "topic": Kind(
        ("query", "topic", "keywords", "search_term", "q", "question"),
        ("about {v}", "for {v}", "on {v}", "on the topic of {v}", "matching {v}"),
        _copied(Draw.topic),
        _STRING,
        ("What to search for", "Search query", "The topic"),
        True,
    ),
    "text": Kind(
        ("message", "text", "content", "body", "note", "comment"),
        ('saying "{v}"', 'with the text "{v}"', 'that says "{v}"', "saying {v}", ": {v}", '"{v}"'),
        _copied(Draw.sentence),
        _STRING,
        ("Text of the message", "The content", "What to say"),
        True,
    ),
    "title": Kind(
        ("title", "subject", "headline", "summary", "name"),
        ('called "{v}"', "titled {v}", 'with the title "{v}"', "named {v}", "called {v}"),
        _copied(Draw.thing),
        _STRING,
        ("Title", "Short title", "The subject line"),
    ),
    "expression": Kind(
        ("expression", "formula", "calculation"),
        ("{v}", "for {v}", "of {v}"),
        _copied(_expression),
        _STRING,
        ("Arithmetic expression", "What to compute"),
        True,
    ),
    "items": Kind(
        ("items", "tags", "labels", "ingredients", "keywords", "products"),
        ("with {v}", "containing {v}", "for {v}", "including {v}"),
        _list,
        {"type": "array", "items": {"type": "string"}},
        ("List of items", "The items"),
    ),
    "numbers": Kind(
        ("numbers", "values", "ids", "data", "scores", "points"),
        ("for {v}", "with {v}", "of {v}", "using {v}"),
        _numbers,
        {"type": "array", "items": {"type": "number"}},
        ("The numbers", "List of numbers"),
    ),
    "emails": Kind(
        ("recipients", "emails", "to", "attendees", "cc", "participants"),
        ("to {v}", "with {v}", "for {v}"),
        _emails,
        {"type": "array", "items": {"type": "string"}},
        ("E-mail addresses", "Who gets it"),
    ),
    "switch": Kind(
        ("urgent", "notify", "verbose", "recursive", "dry_run", "force", "private", "archived"),
        (),
        _switch,
        {"type": "boolean"},
        ("Whether to turn it on", "True or false"),
    ),
}

# Closed value lists: parameter names, then the allowed values. The request always names the value.
ENUMS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("unit", "units", "temperature_unit"), ("celsius", "fahrenheit", "kelvin")),
    (("priority", "urgency", "importance"), ("low", "medium", "high", "critical")),
    (("status", "state"), ("open", "closed", "pending", "done")),
    (("size",), ("small", "medium", "large")),
    (("language", "lang"), ("english", "german", "french", "spanish", "italian")),
    (("currency",), ("EUR", "USD", "GBP", "CHF", "JPY")),
    (("format", "output", "file_type"), ("pdf", "csv", "json", "html", "xml")),
    (("color", "colour"), ("red", "green", "blue", "white", "yellow")),
    (("mode",), ("fast", "slow", "auto", "manual", "eco")),
    (("role", "access"), ("admin", "editor", "viewer", "guest")),
    (("order", "sort", "sort_order"), ("ascending", "descending")),
    (("category", "kind", "type"), ("food", "travel", "office", "health", "other")),
    (("environment", "env", "stage"), ("production", "staging", "development", "test")),
    (("frequency", "interval"), ("hourly", "daily", "weekly", "monthly", "yearly")),
    (("room", "area"), ("kitchen", "bedroom", "bathroom", "office", "garage")),
    (("direction",), ("north", "south", "east", "west")),
    (("class", "cabin", "travel_class"), ("economy", "business", "first")),
    (("transport", "vehicle"), ("car", "train", "bus", "bike", "plane")),
    (("level", "severity"), ("debug", "info", "warning", "error")),
    (("plan", "tier"), ("free", "basic", "pro", "enterprise")),
)
