"""Normalisation: dates, times, amounts, durations and number words into one canonical form."""

import json

from spark.conversation import Conversation, Goal, Role, Turn
from spark.generators.chat import system_turns
from spark.generators.draw import Draw
from spark.generators.values import clock_time, iso_date, number_word

__all__ = ["make_normalisation"]

_CURRENCIES = {"euros": "EUR", "dollars": "USD", "pounds": "GBP", "francs": "CHF", "yen": "JPY"}
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
)
_TIME_ASKS = (
    "Write {v} as HH:MM",
    "{v} in 24-hour time",
    "Convert {v} to 24-hour format",
    "Time {v} as HH:MM",
    "What is {v} on a 24-hour clock?",
    "Normalise the time {v}",
    "Give me {v} as HH:MM.",
)
_MONEY_ASKS = (
    "Write {v} as JSON with amount and currency",
    "Normalise the amount {v}",
    "amount and currency of {v} as JSON",
    "Parse {v} into amount and currency.",
    "Turn {v} into JSON (amount, currency)",
    "Give {v} as a JSON amount with currency.",
)
_WORD_ASKS = (
    "Write {v} as a number",
    "{v} in digits",
    "Convert the word {v} to a number",
    "Which number is {v}?",
    "Give {v} as digits.",
)
_CASE_ASKS = {
    "snake": 'Write "{v}" in snake_case',
    "kebab": 'Write "{v}" in kebab-case',
    "upper": 'Write "{v}" in upper case',
    "title": 'Capitalise every word of "{v}"',
}


def _money(draw: Draw) -> tuple[str, str]:
    name = draw.one(list(_CURRENCIES))
    code = _CURRENCIES[name]
    whole = draw.whole(1, 99_999)
    cents = draw.whole(1, 99) if draw.chance(0.5) else 0
    value: int | float = whole + cents / 100 if cents else whole
    value = round(value, 2) if cents else value
    digits = f"{whole:,}" if draw.chance(0.5) else str(whole)
    shown = digits + (f".{cents:02}" if cents else "")
    surface = draw.one((f"{shown} {name}", f"{shown} {code}", f"{code} {shown}"))
    return surface, json.dumps({"amount": value, "currency": code})


def _case(draw: Draw) -> tuple[str, str]:
    words = [draw.one((draw.coined(2), draw.word("objects"))) for _ in range(draw.whole(2, 3))]
    style = draw.one(list(_CASE_ASKS))
    phrase = " ".join(words)
    done = {
        "snake": "_".join(words),
        "kebab": "-".join(words),
        "upper": phrase.upper(),
        "title": phrase.title(),
    }
    return _CASE_ASKS[style].format(v=phrase), done[style]


def _exchange(draw: Draw) -> tuple[str, str, Goal]:
    match draw.whole(0, 9):
        case 0 | 1 | 2 | 3:
            date = iso_date(draw)
            return draw.kept(_DATE_ASKS).format(v=date.surface), str(date.value), Goal.EXACT
        case 4 | 5:
            time = clock_time(draw)
            return draw.kept(_TIME_ASKS).format(v=time.surface), str(time.value), Goal.EXACT
        case 6 | 7:
            surface, answer = _money(draw)
            return draw.kept(_MONEY_ASKS).format(v=surface), answer, Goal.JSON
        case 8:
            number = draw.whole(0, 12)
            return draw.kept(_WORD_ASKS).format(v=number_word(number)), str(number), Goal.EXACT
        case _:
            question, answer = _case(draw)
            return question, answer, Goal.EXACT


def make_normalisation(draw: Draw) -> Conversation:
    """A few values to normalise."""
    turns = system_turns(draw, chance=0.2)
    for _ in range(draw.whole(1, 4)):
        question, answer, goal = _exchange(draw)
        turns += [Turn(Role.USER, question), Turn(Role.ASSISTANT, answer, goal=goal)]
    return Conversation("normalisation", tuple(turns))
