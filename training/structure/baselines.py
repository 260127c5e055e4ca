"""What simple programs reach on the same items: shared words, regular expressions, fixed choices.

A model that does not beat these is not worth its megabytes. They see what the model sees; the
extraction baseline is even given the wanted field names, which the model must read by itself.
"""

import datetime
import re
from collections.abc import Iterator

from structure.conversation import Call, Json, JsonObject, Tool
from structure.items import Item

__all__ = [
    "canonical",
    "guessed_call",
    "guessed_fields",
    "label_by_shared_words",
    "shared_words",
    "tool_by_shared_words",
]

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_DATES = (
    re.compile(rf"\b{_DAY}\s+(?:of\s+)?{_MONTH},?\s+(\d{{4}})\b", re.IGNORECASE),
    re.compile(rf"\b{_MONTH}\s+{_DAY},?\s+(\d{{4}})\b", re.IGNORECASE),
    re.compile(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b"),
    re.compile(r"\b(\d{1,2})[/.](\d{1,2})[/.](\d{4})\b"),
)
_CLOCK = re.compile(
    r"\b(\d{1,2})(?:[:.](\d{2}))?\s*([ap])\.?m\b\.?|\b(\d{1,2}):(\d{2})\b", re.IGNORECASE
)
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_URL = re.compile(r"https?://\S+|www\.\S+")
_PHONE = re.compile(r"\+?\d[\d\s().-]{6,}\d")
_CODE = re.compile(r"\b(?=\w*\d)[A-Za-z]+-?\w*\d\w*\b")
_QUOTED = re.compile(r"[\"“'‘]([^\"”'’]+)[\"”'’]")
_CAPITALS = re.compile(r"(?<=[\s:,])(?:[A-Z][\w'-]+)(?:\s+[A-Z][\w'-]+)*")
_AFTER = re.compile(r"\b(?:in|to|for|at|from|of|called|named|about|on|with|the|is|:)\s+([^,.;?!]+)")
_LIST = re.compile(r"([\w-]+(?:, [\w -]+)*,? and [\w-]+)")
_CURRENCIES = {
    "euro": "EUR", "€": "EUR", "dollar": "USD", "$": "USD", "pound": "GBP", "£": "GBP",
    "franc": "CHF", "yen": "JPY", "eur": "EUR", "usd": "USD", "gbp": "GBP", "chf": "CHF",
}  # fmt: skip
_WORDS = {
    word: number
    for number, word in enumerate(
        (
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
            *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
            *("seventeen", "eighteen", "nineteen", "twenty"),
        )
    )
}


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower().replace("_", " ")))


def shared_words(tool: Tool, request: str) -> int:
    """How many words of the request the name and the description of a tool have."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tool.name)
    return len(_words(f"{spaced} {tool.description}") & _words(request))


def tool_by_shared_words(item: Item) -> Tool:
    """The tool that shares most words with the request, the first of equals."""
    return max(item.offered(), key=lambda tool: shared_words(tool, item.request))


def label_by_shared_words(item: Item) -> str:
    """The label that shares most words with the request besides the list of labels itself."""
    said = _words(item.request.replace(", ".join(item.choices), " "))
    return max(item.choices, key=lambda label: len(_words(label) & said))


def _month(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1


def _date(text: str) -> str | None:
    """The first date as YYYY-MM-DD; numbers alone are read day first."""
    for index, pattern in enumerate(_DATES):
        found = pattern.search(text)
        if found is None:
            continue
        one, two, three = found.groups()
        match index:
            case 0:
                year, month, day = int(three), _month(two), int(one)
            case 1:
                year, month, day = int(three), _month(one), int(two)
            case 2:
                year, month, day = int(one), int(two), int(three)
            case _:
                year, month, day = int(three), int(two), int(one)
        try:
            return datetime.date(year, month, day).isoformat()
        except ValueError:
            return None
    return None


def _time(text: str) -> str | None:
    found = _CLOCK.search(text)
    if found is None:
        lowered = text.lower()
        return "12:00" if "noon" in lowered else "00:00" if "midnight" in lowered else None
    hour, minute, half, plain_hour, plain_minute = found.groups()
    if plain_hour is not None:
        return f"{int(plain_hour):02}:{plain_minute}"
    return f"{int(hour) % 12 + (12 if half.lower() == 'p' else 0):02}:{minute or '00'}"


def _number(text: str) -> int | float | None:
    found = _NUMBER.search(text)
    if found is None:
        spoken = [
            value for word, value in _WORDS.items() if re.search(rf"\b{word}\b", text.lower())
        ]
        return spoken[0] if spoken else None
    plain = found[0].replace(",", "")
    return float(plain) if "." in plain else int(plain)


def canonical(item: Item) -> str:
    """The request's date, time, amount or number in the wanted form, by regular expressions."""
    text = item.request
    lowered = text.lower()
    date, number = _date(text), _number(text)
    if date is not None:
        return date
    currency = next((code for name, code in _CURRENCIES.items() if name in lowered), None)
    if currency is not None and "json" in lowered and number is not None:
        return f'{{"amount": {number}, "currency": "{currency}"}}'
    time = _time(text)
    if time is not None:
        return time
    return "" if number is None else f"{number}"


def _candidates(text: str) -> Iterator[str]:
    """Pieces of the request that may be values, the likeliest first."""
    for pattern in (_QUOTED, _CODE):
        yield from pattern.findall(text)
    yield from (found.strip() for found in _CAPITALS.findall(text))
    yield from (found.strip() for found in reversed(_AFTER.findall(text)))
    yield from reversed(text.rstrip(".?!").split())


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[0] if found else None


def _text_value(name: str, description: str, text: str) -> str | None:
    """A typed text by the words of its name, or None for a free one."""
    told = f"{name} {description}".lower()
    if "mail" in told:
        return _first(_EMAIL, text)
    if "url" in told or "link" in told or "website" in told:
        return _first(_URL, text)
    if "phone" in told:
        return _first(_PHONE, text)
    if "date" in told or "yyyy" in told or "birth" in told or "day" in told:
        return _date(text)
    return _time(text) if "time" in told or "hh:mm" in told else None


def _next_number(text: str, used: set[str]) -> Json:
    """The first number that no other argument has; a spoken one where there are no digits."""
    fresh = next((found for found in _NUMBER.findall(text) if found not in used), None)
    if fresh is None:
        return None if used else _number(text)
    used.add(fresh)
    return _number(fresh)


def _copied(name: str, schema: JsonObject, text: str, *, used: set[str]) -> Json:
    """A text by the words of the argument's name, or the likeliest piece that is still free."""
    typed = _text_value(name, str(schema.get("description") or ""), text)
    if typed is not None:
        return typed
    chosen = next((piece for piece in _candidates(text) if piece not in used), None)
    used.add(chosen or "")
    return chosen


def _value(name: str, schema: JsonObject, text: str, *, used: set[str]) -> Json:
    """A value for one argument, or None where nothing is found."""
    allowed = schema.get("enum")
    if isinstance(allowed, list):
        lowered = text.lower()
        said = [item for item in allowed if str(item).replace("_", " ").lower() in lowered]
        return said[0] if said else None
    match schema.get("type"):
        case "integer" | "number":
            return _next_number(text, used)
        case "array":
            listed = _LIST.search(text)
            return list(re.split(r",? and |, ", listed[1])) if listed else None
        case "boolean" | "object":
            return None
        case _:
            return _copied(name, schema, text, used=used)


def guessed_call(item: Item) -> Call:
    """The tool with most shared words, its required arguments copied by regular expressions."""
    tool = tool_by_shared_words(item)
    properties = tool.parameters.get("properties")
    required = tool.parameters.get("required") or []
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    used: set[str] = set()
    arguments: JsonObject = {}
    for name in required:
        schema = properties.get(str(name))
        found = _value(
            str(name), schema if isinstance(schema, dict) else {}, item.request, used=used
        )
        if found is not None:
            arguments[str(name)] = found
    return Call(tool.name, arguments)


def guessed_fields(item: Item) -> JsonObject:
    """An extraction by field name; the names and whether a number is wanted are given to it."""
    if not isinstance(item.json, dict):
        return {}
    used: set[str] = set()
    fields: JsonObject = {}
    for name, wanted in item.json.items():
        is_number = isinstance(wanted, int | float) and not isinstance(wanted, bool)
        schema: JsonObject = {"type": "number" if is_number else "string"}
        fields[name] = _value(name, schema, item.request, used=used)
    return fields
