"""How people say dates, times, numbers and lists; every form has one meaning only."""

import datetime
from collections.abc import Sequence

from structure.generators.draw import Draw

__all__ = ["MONTHS", "listed", "number_word", "ordinal", "spoken_date", "spoken_time"]

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def number_word(number: int) -> str:
    """`three` for 3, `forty-two` for 42, digits from a hundred on."""
    if number < len(_SMALL):
        return _SMALL[number]
    if number > 99:
        return str(number)
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_SMALL[ones]}" if ones else "")


def ordinal(day: int) -> str:
    """`3rd`."""
    tail = {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{'th' if 10 < day < 14 else tail}"


def spoken_date(draw: Draw, date: datetime.date) -> str:
    """A date as people write it; all forms have one meaning only."""
    month = MONTHS[date.month - 1]
    shown = month[:3] if draw.chance(0.25) else month
    forms = (
        f"{date.day} {shown} {date.year}",
        f"{shown} {date.day}, {date.year}",
        f"{shown} {date.day} {date.year}",
        f"{ordinal(date.day)} of {month} {date.year}",
        f"{ordinal(date.day)} {shown} {date.year}",
        f"{shown} {ordinal(date.day)}, {date.year}",
        f"the {ordinal(date.day)} of {month} {date.year}",
        f"{date.day:02}.{date.month:02}.{date.year}",
        f"{date.day}.{date.month}.{date.year}",
        f"{date.year}/{date.month:02}/{date.day:02}",
        f"{date.day}-{month[:3]}-{date.year}",
        f"{date.strftime('%A')}, {date.day} {month} {date.year}",
    )
    text = draw.one((*forms[:7], draw.one(forms)))
    return text.lower() if draw.chance(0.1) else text


def spoken_time(draw: Draw, hour: int, minute: int) -> str:
    """A time of day on the twelve-hour clock."""
    half = "am" if hour < 12 else "pm"
    twelve = hour % 12 or 12
    if minute == 0 and hour in {0, 12} and draw.chance(0.7):
        return "noon" if hour else "midnight"
    if draw.chance(0.15):
        later = "in the afternoon" if hour < 18 else "in the evening"
        part = "in the morning" if hour < 12 else later
        return f"{twelve} {part}" if minute == 0 else f"{twelve}:{minute:02} {part}"
    if minute in {15, 30, 45} and twelve not in {11, 12} and draw.chance(0.25):
        after = (twelve % 12) + 1
        words = {15: f"quarter past {twelve}", 30: f"half past {twelve}", 45: f"quarter to {after}"}
        return f"{words[minute]} {half}"
    gap = draw.one((" ", "", " "))
    mark = draw.one((half, half, half.upper(), f"{half[0]}.m."))
    if minute == 0:
        return f"{twelve}{draw.one((':00', '', ''))}{gap}{mark}"
    return f"{twelve}{draw.one((':', ':', '.'))}{minute:02}{gap}{mark}"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
