"""A statement as pictures, and as one HTML page with them."""

from decimal import Decimal

from kilonova.admin.statements import SegmentView, StatementView
from kilonova.cli.charts.bars import Bar, column_chart, stacked_chart
from kilonova.cli.charts.frame import Axis
from kilonova.cli.charts.lines import Line, line_chart
from kilonova.cli.charts.page import figure, page, preformatted
from kilonova.cli.pnl_text import as_text, segment_name
from kilonova.cli.pnl_words import Words

__all__ = ["PICTURES", "as_page", "picture"]

PICTURES = ("cost", "time", "load")
_PARTS = ("energy", "capital", "upkeep", "upstream", "idle")
_BARS_MAX = 12


def as_page(statement: StatementView, words: Words) -> str:
    """The text of the statement and every picture that there is something to draw for."""
    title = words.title.format(period=statement.period, currency=statement.currency)
    captions = {
        "cost": f"{words.cost_picture}. {words.cost_caption}",
        "time": f"{words.time_picture}. {words.time_caption}",
        "load": f"{words.load_picture}. {words.load_caption}",
    }
    parts = [preformatted(as_text(statement, words))]
    for name in PICTURES:
        drawn = picture(statement, name, words)
        if drawn is not None:
            parts.append(figure(drawn, captions[name]))
    return page(title, parts, language=words.language)


def picture(statement: StatementView, name: str, words: Words) -> str | None:
    """One of ``PICTURES`` as SVG; None where nothing was used that it could show."""
    match name:
        case "cost":
            return _cost(statement, words)
        case "time":
            return _time(statement, words)
        case _:
            return _load(statement, words)


def _cost(statement: StatementView, words: Words) -> str | None:
    """What a million tokens of each segment cost, by what it was spent on."""
    used = [segment for segment in statement.segments if _tokens(segment)][:_BARS_MAX]
    if not used:
        return None
    bars = [
        Bar(
            name=segment_name(segment, words),
            parts=[max(0.0, _per_million(segment, part)) for part in _PARTS],
            mark=_per_million(segment, "revenue"),
        )
        for segment in used
    ]
    names = [words.lines[part].removeprefix("- ") for part in _PARTS]
    axis = Axis(name=words.per_million.format(statement.currency), write=words.short)
    return stacked_chart(words.cost_picture, bars, parts=names, x=axis)


def _time(statement: StatementView, words: Words) -> str | None:
    days = statement.days
    if len(days) < 2:
        return None
    revenue = [(float(at), float(day.revenue)) for at, day in enumerate(days)]
    cost = [(float(at), float(day.cost)) for at, day in enumerate(days)]
    lines = [Line(name=words.revenue, points=revenue), Line(name=words.cost, points=cost)]
    labels = [day.at[5:] for day in days]
    y = Axis(name=statement.currency, write=words.short)
    return line_chart(words.time_picture, lines, x=Axis(name=words.day, labels=labels), y=y)


def _load(statement: StatementView, words: Words) -> str | None:
    if not any(hour.requests for hour in statement.hours):
        return None
    days = max(1.0, (statement.to - statement.from_).total_seconds() / 86_400)
    heights = [hour.requests / days for hour in statement.hours]
    x = Axis(name=words.hour, labels=[hour.at for hour in statement.hours])
    y = Axis(name=words.requests_an_hour, write=words.short)
    return column_chart(words.load_picture, heights, x=x, y=y)


def _tokens(segment: SegmentView) -> int:
    return segment.input_tokens + segment.cached_tokens + segment.output_tokens


def _per_million(segment: SegmentView, part: str) -> float:
    return float(Decimal(getattr(segment, part)) * 1_000_000 / _tokens(segment))
