"""Normalisation: dates, times, amounts, durations, units and numbers into one canonical form."""

import json
from collections.abc import Callable
from decimal import Decimal

from structure.conversation import Conversation, Goal, Role, Turn
from structure.generators.chat import system_turns
from structure.generators.draw import Draw
from structure.generators.spoken import number_word
from structure.generators.values import clock_time, iso_date

__all__ = ["make_normalisation"]

_CURRENCIES = {"euros": "EUR", "dollars": "USD", "pounds": "GBP", "francs": "CHF", "yen": "JPY"}
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}
_DATE_ASKS = (
    "Write {v} as YYYY-MM-DD",
    "Convert {v} to an ISO date",
    "{v} in ISO format",
    "ISO date of {v}?",
    "Normalise this date: {v}",
    "What is {v} as YYYY-MM-DD?",
    "Give {v} as an ISO 8601 date.",
    "Turn the date {v} into YYYY-MM-DD form.",
    "Date: {v}. Format: YYYY-MM-DD",
    "Rewrite as YYYY-MM-DD: {v}",
    "{v} -> YYYY-MM-DD",
    "Please reformat {v} to ISO (YYYY-MM-DD), only the date.",
    'The customer wrote "{v}". Answer with the ISO date only.',
    "Normalize to YYYY-MM-DD: {v}",
    "I have {v} in my notes. How is that written as YYYY-MM-DD?",
    "Our database wants YYYY-MM-DD. The value is {v}.",
    "date {v}, iso please",
    "Which ISO date is meant by {v}?",
    "Canonical form (YYYY-MM-DD) for {v}",
    "Reformat {v} like 2020-12-31",
    "In the form year-month-day, {v} is?",
    "Express {v} as an ISO 8601 calendar date",
    "Parse the date in this text: {v}",
    "{v}: which day is that, as YYYY-MM-DD?",
    "Put {v} into the format YYYY-MM-DD, nothing else",
    "The form says {v}; give the ISO date.",
    "Standardise {v} (ISO date)",
    "iso 8601: {v}",
)
_TIME_ASKS = (
    "Write {v} as HH:MM",
    "{v} in 24-hour time",
    "Convert {v} to 24-hour format",
    "Time {v} as HH:MM",
    "What is {v} on a 24-hour clock?",
    "Normalise the time {v}",
    "Give me {v} as HH:MM.",
    "{v} -> HH:MM",
    "Rewrite {v} in 24h notation (HH:MM).",
    "24-hour clock, HH:MM: {v}",
    "The meeting is at {v}. Write only the time as HH:MM.",
    "Which time is {v} in HH:MM?",
    "time {v}, 24h please",
    "Canonical time (HH:MM) for {v}",
    "Put {v} into the form HH:MM, nothing else",
    "Express {v} on the 24-hour clock",
    "How would a railway timetable print {v}?",
    "Parse the time: {v}",
    "{v}: as hours and minutes, HH:MM",
    "Reformat {v} like 18:05",
    "Our calendar wants HH:MM. They said {v}.",
    "military style with a colon: {v}",
)
_MONEY_ASKS = (
    "Write {v} as JSON with amount and currency",
    "Normalise the amount {v}",
    "amount and currency of {v} as JSON",
    "Parse {v} into amount and currency.",
    "Turn {v} into JSON (amount, currency)",
    "Give {v} as a JSON amount with currency.",
    'Return {"amount": number, "currency": ISO code} for {v}',
    "As a JSON object with the keys amount and currency: {v}",
    "The bill says {v}. JSON with amount and currency, please.",
    "{v} -> JSON amount, currency",
    "Make {v} machine readable: JSON, fields amount and currency",
    "How is {v} written as JSON with amount and currency?",
    "Price {v} as JSON (amount and currency)",
    "JSON (amount, currency) for the price {v}",
)
_MONEY_TEXT_ASKS = (
    "Write {v} as number and ISO currency code",
    "{v} as amount and ISO code, like 12.50 EUR",
    "Normalise {v} to the form 99.99 USD",
    "Amount and three-letter currency code of {v}",
    "Give {v} as a plain number followed by the ISO 4217 code.",
    "Rewrite {v} as amount plus currency code",
    "{v} in the style of 1250.00 CHF",
    "The price is {v}. Write it as number and code, e.g. 8 EUR.",
    "How much is {v}, as number and ISO code?",
    "Standard form (number, then ISO code) of {v}",
    "number and currency code for {v}",
)
_WORD_ASKS = (
    "Write {v} as a number",
    "{v} in digits",
    "Convert the word {v} to a number",
    "Which number is {v}?",
    "Give {v} as digits.",
    "{v} as a number, digits only",
    "How do you write {v} in figures?",
    "Number for the word {v}",
    "{v} -> digits",
    "The text says {v}. Which number?",
    "Spell out in digits: {v}",
    "Turn {v} into figures",
)
_DURATION_ASKS = (
    "How many {u} are {v}?",
    "{v} in {u}",
    "Convert {v} to {u}.",
    "Write {v} as a number of {u}.",
    "{v} in {u}, just the number",
    "Express {v} in {u} (number only)",
    "Duration: {v}. Answer in {u} as a number.",
    "{v} is how many {u}?",
    "It takes {v}. How many {u} is that?",
    "Number of {u} in {v}",
    "Length {v}, wanted in {u}",
    "{v} = ? {u}",
    "Change {v} into {u}, digits only",
    "Total {u} of {v}",
    "The film lasts {v}; in {u}, please",
)
_UNIT_ASKS = (
    "Convert {v} to {u}",
    "{v} in {u}",
    "How many {u} are {v}?",
    "Write {v} in {u}, number only",
    "{v} = ? {u}",
    "Express {v} in {u}.",
    "Give {v} in {u} as a plain number",
    "{v} is how many {u}?",
    "Number of {u} in {v}",
    "I have {v}. What is that in {u}?",
    "{v} to {u}",
    "Change {v} into {u}, digits only",
    "From {v} to {u}: which number?",
    "{v}, but in {u}",
)
_PHONE_ASKS = (
    "Write the phone number {v} with digits only",
    "Phone {v} as digits",
    "Remove everything but the digits: {v}",
    "Normalise the phone number {v} to digits",
    "{v} -> digits only",
    "Strip the phone number {v} to its digits",
    "Only the digits of {v}",
    "Phone number without blanks and signs: {v}",
    "Call {v}. Which digits do I dial?",
    "Keep nothing but the digits of {v}",
)
_CASE_ASKS = {
    "snake": 'Write "{v}" in snake_case',
    "kebab": 'Write "{v}" in kebab-case',
    "upper": 'Write "{v}" in upper case',
    "title": 'Capitalise every word of "{v}"',
}
_UNITS = (  # larger, smaller, power of ten between them; each with the names that people use
    (("km", "kilometres", "kilometers"), ("m", "metres", "meters"), 3),
    (("kg", "kilograms", "kilos"), ("g", "grams"), 3),
    (("m", "metres", "meters"), ("cm", "centimetres", "centimeters"), 2),
    (("cm", "centimetres", "centimeters"), ("mm", "millimetres", "millimeters"), 1),
    (("l", "litres", "liters"), ("ml", "millilitres", "milliliters"), 3),
    (("t", "tonnes", "tons"), ("kg", "kilograms"), 3),
    (("g", "grams"), ("mg", "milligrams"), 3),
    (("kW", "kilowatts"), ("W", "watts"), 3),
    (("GB", "gigabytes"), ("MB", "megabytes"), 3),
    (("m", "metres", "meters"), ("mm", "millimetres", "millimeters"), 3),
)

Exchange = tuple[str, str, Goal]


def _plain(number: Decimal) -> str:
    """`12`, `0.5`: no exponent, no trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _amount(draw: Draw) -> tuple[str, str, str]:
    """What was said, the plain number, and the currency code."""
    whole = draw.whole(1, draw.one((99, 999, 99_999)))
    cents = draw.whole(1, 99) if draw.chance(0.5) else 0
    digits = f"{whole:,}" if draw.chance(0.4) else str(whole)
    shown = digits + (f".{cents:02}" if cents else "")
    if draw.chance(0.3):
        sign = draw.one(list(_SIGNS))
        surface, code = (
            draw.one((f"{sign}{shown}", f"{shown}{sign}", f"{shown} {sign}")),
            _SIGNS[sign],
        )
    else:
        name = draw.one(list(_CURRENCIES))
        code = _CURRENCIES[name]
        surface = draw.one((f"{shown} {name}", f"{shown} {code}", f"{code} {shown}"))
    return surface, _plain(Decimal(whole) + Decimal(cents) / 100), code


def _money(draw: Draw) -> Exchange:
    surface, number, code = _amount(draw)
    if draw.chance(0.4):
        return draw.kept(_MONEY_TEXT_ASKS).replace("{v}", surface), f"{number} {code}", Goal.EXACT
    value = float(number) if "." in number else int(number)
    answer = json.dumps({"amount": value, "currency": code})
    return draw.kept(_MONEY_ASKS).replace("{v}", surface), answer, Goal.JSON


def _date(draw: Draw) -> Exchange:
    date = iso_date(draw)
    return draw.kept(_DATE_ASKS).format(v=date.surface), str(date.value), Goal.EXACT


def _time(draw: Draw) -> Exchange:
    time = clock_time(draw)
    return draw.kept(_TIME_ASKS).format(v=time.surface), str(time.value), Goal.EXACT


def _number(draw: Draw) -> Exchange:
    number = draw.whole(0, 99)
    return draw.kept(_WORD_ASKS).format(v=number_word(number)), str(number), Goal.EXACT


def _said(draw: Draw, count: int, unit: str) -> str:
    word = number_word(count) if count <= 12 and draw.chance(0.4) else str(count)
    return f"{word} {unit if count == 1 else unit + 's'}"


def _duration(draw: Draw) -> Exchange:
    larger, smaller, size = draw.one(
        (("hour", "minute", 60), ("minute", "second", 60), ("day", "hour", 24), ("week", "day", 7))
    )
    count = draw.whole(1, 12)
    rest = draw.whole(1, size - 1) if draw.chance(0.45) else 0
    surface = _said(draw, count, larger)
    if rest:
        surface += draw.one((" and ", " ", ", ")) + _said(draw, rest, smaller)
    elif size == 60 and draw.chance(0.4):
        surface, rest = draw.one(
            ((f"{count} and a half {larger}s", 30), (f"{count}.5 {larger}s", 30))
        )
    elif size == 60 and draw.chance(0.2):
        letters = (larger[0], draw.one((smaller[:3], smaller[0])))
        rest = draw.whole(1, size - 1)
        surface = f"{count}{letters[0]} {rest}{letters[1]}"
    question = draw.kept(_DURATION_ASKS).format(v=surface, u=f"{smaller}s")
    return question, str(count * size + rest), Goal.EXACT


def _unit(draw: Draw) -> Exchange:
    large, small, power = draw.one(_UNITS)
    number = Decimal(draw.whole(1, draw.one((20, 999)))) / draw.one((1, 1, 10, 100))
    if draw.chance(0.65):
        shown, wanted, result = draw.one(large), draw.one(small), number.scaleb(power)
    else:
        number = number.scaleb(draw.whole(0, power))
        shown, wanted, result = draw.one(small), draw.one(large), number.scaleb(-power)
    gap = "" if len(shown) < 3 and draw.chance(0.3) else " "
    question = draw.kept(_UNIT_ASKS).format(v=f"{_plain(number)}{gap}{shown}", u=wanted)
    return question, _plain(result), Goal.EXACT


def _phone(draw: Draw) -> Exchange:
    groups = [draw.digits(draw.whole(2, 4)) for _ in range(draw.whole(2, 4))]
    glue = draw.one((" ", "-", ".", " "))
    start = draw.one(("+", "+", "00", "(0", "0"))
    lead = f"{start}{draw.digits(2)}" + (")" if "(" in start else "")
    surface = f"{lead}{draw.one((' ', glue))}{glue.join(groups)}"
    answer = "".join(letter for letter in surface if letter.isdigit())
    return draw.kept(_PHONE_ASKS).format(v=surface), answer, Goal.EXACT


def _case(draw: Draw) -> Exchange:
    words = [draw.one((draw.coined(2), draw.word("objects"))) for _ in range(draw.whole(2, 3))]
    style = draw.one(list(_CASE_ASKS))
    phrase = " ".join(words)
    done = {
        "snake": "_".join(words),
        "kebab": "-".join(words),
        "upper": phrase.upper(),
        "title": phrase.title(),
    }
    return _CASE_ASKS[style].format(v=phrase), done[style], Goal.EXACT


_EXCHANGES: dict[Callable[[Draw], Exchange], float] = {
    _date: 0.3,
    _time: 0.18,
    _money: 0.14,
    _unit: 0.12,
    _duration: 0.12,
    _phone: 0.05,
    _number: 0.05,
    _case: 0.04,
}


def make_normalisation(draw: Draw) -> Conversation:
    """A few values to normalise."""
    turns = system_turns(draw, chance=0.2)
    for _ in range(draw.whole(1, 4)):
        question, answer, goal = draw.weighted(_EXCHANGES)(draw)
        turns += [Turn(Role.USER, question), Turn(Role.ASSISTANT, answer, goal=goal)]
    return Conversation("normalisation", tuple(turns))
