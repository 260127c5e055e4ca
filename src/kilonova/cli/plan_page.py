"""A plan as one HTML page: the text, and three pictures. It refers to nothing outside itself."""

from html import escape

from kilonova.cli.plan_text import as_text
from kilonova.planner.pictures import Axis, Line, chart
from kilonova.planner.plan import Option, Plan

__all__ = ["as_page"]

_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "pre{overflow-x:auto;background:#f6f8fa;padding:1rem}svg{max-width:44rem;display:block}"
    "figcaption{color:#555;margin:.2rem 0 1.6rem}figure{margin:0}"
)
_LISTS_MAX = 5


def as_page(plan: Plan) -> str:
    """The page, whole."""
    title = f"Plan for {plan.model}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<pre>{escape(chr(10).join(as_text(plan)))}</pre>",
        _figure(
            _price(plan), "Below a dashed line our own tokens are cheaper than that price list."
        ),
        _figure(
            _speed(plan), "Each line is one way to serve; more requests at once go right to left."
        ),
        _figure(_day(plan.options[0]), "Replicas of the cheapest way over a day, spares included."),
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    page = [f'<!doctype html>\n<html lang="en"><head>{head}</head>', "<body>", *body]
    return "\n".join([*page, "</body></html>", ""])


def _figure(picture: str, words: str) -> str:
    return f"<figure>{picture}<figcaption>{escape(words)}</figcaption></figure>"


def _name(way: Option) -> str:
    return f"{way.accelerator} {way.precision}"


def _price(plan: Plan) -> str:
    """Dollars a million tokens against the load, with others' prices as level lines."""
    best = plan.options[0]
    points = [(point.rate, point.usd_per_million) for point in best.load_curve]
    tokens = plan.workload.input_tokens + plan.workload.output_tokens
    day = plan.workload.requests_a_day * tokens / 1e6
    others = sorted(best.margins, key=lambda row: row.usd_a_day)
    step = max(1, -(-len(others) // _LISTS_MAX))
    lines = [Line(name=_name(best), points=points)]
    for row in others[::step]:
        level = row.usd_a_day / day
        ends = [(points[0][0], level), (points[-1][0], level)]
        lines.append(Line(name=row.price_list, points=ends, is_dashed=True))
    return chart(
        "Price of a million tokens against the load",
        lines,
        x=Axis(name="requests a second", is_logarithmic=True),
        y=Axis(name="$ a million tokens", is_logarithmic=True),
    )


def _speed(plan: Plan) -> str:
    lines = [
        Line(
            name=_name(way),
            points=[(point.user_tokens_s, point.chip_tokens_s) for point in way.speed_curve],
        )
        for way in plan.options
    ]
    return chart(
        "Speed for one user against throughput of one chip",
        lines,
        x=Axis(name="tokens/s of one user"),
        y=Axis(name="tokens/s of one chip", is_logarithmic=True),
    )


def _day(way: Option) -> str:
    steps = [(hour + part, float(count)) for hour, count in enumerate(way.hours) for part in (0, 1)]
    lines = [Line(name=_name(way), points=steps)]
    return chart("Replicas over a day", lines, x=Axis(name="hour"), y=Axis(name="replicas"))
