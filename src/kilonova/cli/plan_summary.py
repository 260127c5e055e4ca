"""The tables of a plan's page: the answer in six figures, the ways, the price lists, the sources.

Pure: from a plan to HTML. The pictures are ``plan_page``'s.
"""

from collections.abc import Iterable, Sequence
from html import escape

from kilonova.cli.plan_text import RANGES, machines_of, meets_of, range_text
from kilonova.planner.option import Option
from kilonova.planner.plan import Plan

__all__ = ["STYLE", "lead", "sources", "summary", "table"]

# Light, dark, printed, and narrow; pictures keep a light ground, which their colours are made for.
STYLE = """
:root{color-scheme:light dark;--ink:#16202b;--soft:#5a6673;--line:#d9dfe5;--ground:#fff;
--card:#f4f6f9;--good:#1f7a4d;--bad:#b3372b}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf2;--soft:#9aa7b4;--line:#33404d;
--ground:#10161c;--card:#1a232c;--good:#5cc98f;--bad:#ff8f80}}
body{color:var(--ink);background:var(--ground)}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .3rem}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}
.lead{color:var(--soft);margin:0 0 1.4rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.7rem;margin:0}
.cards div{background:var(--card);border-radius:.5rem;padding:.8rem .9rem}
.cards dt{color:var(--soft);font-size:.8rem}.cards dd{margin:0}
.cards dd:first-of-type{font-size:1.35rem;font-weight:600;font-variant-numeric:tabular-nums}
.cards dd+dd{color:var(--soft);font-size:.8rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
th{color:var(--soft);font-weight:500;text-align:right;vertical-align:bottom}
th,td{padding:.4rem .6rem;border-bottom:1px solid var(--line);white-space:nowrap}
td{text-align:right}th:first-child,td:first-child{text-align:left;padding-left:0}
tbody tr:first-child td{font-weight:600}.even tbody tr:first-child td{font-weight:400}
.good{color:var(--good)}.bad{color:var(--bad)}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));gap:1.2rem}
figure svg{background:#fff;border-radius:.5rem;border:1px solid var(--line);width:100%;height:auto}
figcaption,.note,.sources{color:var(--soft);font-size:.85rem}figcaption{margin:.4rem 0 0}
.sources td,.sources th{white-space:normal;text-align:left}
.sources td:last-child{white-space:nowrap}
details{margin-top:2rem}summary{cursor:pointer}pre{background:var(--card);border-radius:.5rem}
@media print{body{max-width:none;margin:0;font-size:11px}figure,.cards div,tr{break-inside:avoid}
.pictures{grid-template-columns:1fr 1fr}h2{break-after:avoid}details{display:none}
.wide{overflow:visible}}
"""


def lead(plan: Plan) -> str:
    """What was asked, in one sentence."""
    work = plan.workload
    day = work.requests_a_day * (work.input_tokens + work.output_tokens)
    return (
        f'<p class="lead">{work.rate:g} requests a second of {work.input_tokens:,.0f} tokens read '
        f"({work.cache_share:.0%} from the cache) and {work.output_tokens:,.0f} written: "
        f"{_large(day)} tokens a day. {plan.considered:,} ways to serve them were compared.</p>"
    )


def summary(plan: Plan) -> str:
    """The cheapest way in figures, each with its range or what it consists of."""
    best = plan.options[0]
    tokens = best.usd_per_million
    low, high = (best.usd_a_day.low / best.usd_a_day.value, best.usd_a_day.high)
    high /= best.usd_a_day.value
    cards = [
        ("Machines", f"{best.chips_peak} × {best.accelerator}", f"{machines_of(best)}, spares in"),
        ("A million tokens", f"{tokens.mean:,.3f} $", f"{tokens.mean * low:,.3f} to "
         f"{tokens.mean * high:,.3f}; read {tokens.input:,.3f}, written {tokens.output:,.3f}"),
        ("A day", f"{best.usd_a_day.value:,.0f} $", f"{range_text(best.usd_a_day)} $"),
        ("Power", _power(best.peak_kw), f"{best.kwh_a_day:,.0f} kWh a day"),
        ("In use", f"{best.utilisation:.0%}", f"{best.idle_chip_hours:,.0f} chip-hours a day left"),
    ]  # fmt: skip
    if best.capital_usd:
        cards.append(("Capital", f"{best.capital_usd / 1e6:,.1f} M$", f"{plan.supply.kind}"))
    if plan.tail:
        first, each = plan.tail.first_token_ms.p95, plan.tail.token_ms.p95
        cards.append(
            ("First token, 95 of 100", f"{first:,.0f} ms", f"then {each:,.1f} ms a token at most")
        )
    else:
        ranged = range_text(best.first_token_ms)
        cards.append(("First token, mean", f"{best.first_token_ms.value:,.0f} ms", f"{ranged} ms"))
    shown = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd><dd>{escape(more)}</dd></div>"
        for name, value, more in cards
    )
    return f'<dl class="cards">{"".join(shown)}</dl><p class="note">{RANGES}</p>'


def table(plan: Plan) -> str:
    """The ways, and the same tokens at others' prices."""
    heads = (
        *("Way", "First token, ms", "Per token, ms", "In use", "kW", "$ a day", "Range"),
        "$ a million",
    )
    ways = _table(heads, [_way(way) for way in plan.options])
    best = plan.options[0]
    lists = ("Price list", "$ a day", "Margin at that price", "Own is cheaper from")
    rows = [
        (
            escape(row.price_list),
            f"{row.usd_a_day:,.0f}",
            f'<span class="{"good" if row.margin_share > 0 else "bad"}">{row.margin_share:.0%}'
            "</span>",
            escape(meets_of(row.breakeven_rate)),
        )
        for row in sorted(best.margins, key=lambda margin: margin.usd_a_day)
    ]
    return (
        f"<h2>Ways to serve it, cheapest first</h2>{ways}"
        f"<h2>The same tokens at others' prices</h2>{_table(lists, rows, is_even=True)}"
    )


def sources(plan: Plan) -> str:
    """Where every figure comes from."""
    rows = [
        tuple(map(escape, (each.what, each.source, str(each.date or "undated"))))
        for each in plan.sources
    ]
    shown = _table(("Figure", "Source", "Date"), rows, is_even=True)
    return f'<h2>Sources</h2><div class="sources">{shown}</div>'


def _way(way: Option) -> tuple[str, ...]:
    name = (
        f"{way.chips_peak} × {way.accelerator} ({machines_of(way)}), {way.precision} {way.engine}"
    )
    return (
        escape(name),
        f"{way.first_token_ms.value:,.0f}",
        f"{way.token_ms.value:.1f}",
        f"{way.utilisation:.0%}",
        f"{way.peak_kw:,.1f}",
        f"{way.usd_a_day.value:,.0f}",
        range_text(way.usd_a_day),
        f"{way.usd_per_million.mean:.3f}",
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, is_even: bool = False) -> str:
    """Cells are HTML. The first row is the answer, unless all are alike."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    kind = ' class="even"' if is_even else ""
    return (
        f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _power(kilowatts: float) -> str:
    return f"{kilowatts:,.1f} kW" if kilowatts < 1_000 else f"{kilowatts / 1e3:,.1f} MW"


def _large(count: float) -> str:
    for size, name in (
        (1e15, "quadrillion"),
        (1e12, "trillion"),
        (1e9, "billion"),
        (1e6, "million"),
    ):
        if count >= size:
            return f"{count / size:,.3g} {name}"
    return f"{count:,.0f}"
