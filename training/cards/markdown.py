"""The card as one Markdown page: words first, then figures, pictures and answers as they came."""

from collections.abc import Iterable

from cards.card import Card, Metric, MetricTable, Sample, Section, Source
from cards.cost import Assumptions, Bill, Resource, Work

__all__ = ["figure", "page"]

_QUOTED_CHARS_MAX = 400


def figure(value: float, unit: str) -> str:
    """`97.3 %`, `1,240 tok/s`, `0.08 s`: as many digits as the size of the number deserves."""
    if unit == "%":
        return f"{value:.1f} %"
    if float(value).is_integer() or abs(value) >= 1000:
        shown = f"{value:,.0f}"
    else:
        digits = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1
        shown = f"{value:,.{digits}f}"
    return f"{shown} {unit}".rstrip()


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _quoted(text: str) -> str:
    """Text as inline code in a table cell, on one line, shortened in the middle."""
    plain = " ".join(text.replace("`", "'").split())
    if len(plain) > _QUOTED_CHARS_MAX:
        half = _QUOTED_CHARS_MAX // 2
        plain = f"{plain[:half]} … {plain[-half:]}"
    return "`" + plain.replace("|", "\\|") + "`" if plain else "(nothing)"


def _grid(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _bar_cells(metric: Metric) -> tuple[str, str]:
    """The bar, and whether it was met."""
    bar = metric.bar
    if bar is None:
        return "", ""
    sign = "≤" if bar.is_ceiling else "≥"
    wanted = f"{sign} {figure(bar.value, metric.unit)}"
    if bar.aim is not None:
        wanted += f" (aim {figure(bar.aim, metric.unit)})"
    if not bar.is_met(metric.value):
        return wanted, "**missed**"
    return wanted, "met, and the aim" if bar.reaches_aim(metric.value) else "met"


def _metric_row(metric: Metric, columns: dict[str, list[str]]) -> list[str]:
    interval = counts = ""
    if metric.interval is not None:
        low, high = metric.interval
        interval = f"{low:.1f} to {high:.1f}"
    if metric.counts is not None:
        counts = f"{metric.counts.right:,}/{metric.counts.of:,}"
    wanted, outcome = _bar_cells(metric)
    cells = [_cell(metric.name), figure(metric.value, metric.unit), interval, counts]
    cells += [wanted, outcome]
    cells += [
        figure(metric.baselines[name], metric.unit) if name in metric.baselines else ""
        for name in columns["baselines"]
    ]
    return cells + ([_cell(metric.note)] if columns["note"] else [])


def metric_table(table: MetricTable) -> str:
    """A table with one column for each baseline that any of its metrics has."""
    baselines = list(dict.fromkeys(name for item in table.metrics for name in item.baselines))
    has_note = any(metric.note for metric in table.metrics)
    columns = {"baselines": baselines, "note": ["note"] if has_note else []}
    head = ["measure", "this model", "95 % interval", "right/asked", "bar", "outcome"]
    head += baselines + columns["note"]
    rows = [_metric_row(metric, columns) for metric in table.metrics]
    kept = [index for index in range(len(head)) if index < 2 or any(row[index] for row in rows)]
    grid = _grid(
        [head[index] for index in kept], [[row[index] or " " for index in kept] for row in rows]
    )
    return f"### {table.title}\n\n" + (f"{table.note}\n\n" if table.note else "") + grid


def _verdict_text(card: Card) -> str:
    verdict = card.verdict()
    if not verdict.of:
        return ""
    text = f"**{verdict.met} of {verdict.of} acceptance bars met.**"
    if verdict.missed:
        text += " Missed: " + "; ".join(verdict.missed) + "."
    if card.next_steps:
        text += "\n\nNext to try:\n\n" + _bullets(card.next_steps)
    return text


def _money(value: float) -> str:
    """Two decimals, or two digits where that would be nothing."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def _work_line(work: Work, resource: Resource) -> str:
    energy = f"{resource.watts:g} W assumed"
    if work.watt_hours is not None:
        energy = f"{work.watt_hours:,.1f} Wh measured"
    return f"{_cell(work.purpose)}: {work.hours:.2f} hours of {resource.label} ({energy})"


def _making_text(card: Card, bill: Bill | None, assumptions: Assumptions) -> str:
    lines = [f"{name}: {value}" for name, value in card.training.items()]
    lines += [_work_line(work, assumptions.resources[work.resource]) for work in card.work]
    if bill is not None:
        how = "measured" if bill.is_measured else "modelled, not measured"
        rents = [assumptions.resources[work.resource] for work in card.work]
        priced = ", ".join(
            dict.fromkeys(
                f"{item.price_per_hour_low:g} to {item.price_per_hour_high:g} per {item.label} hour"
                for item in rents
            )
        )
        lines += [
            f"Energy: {bill.watt_hours:,.1f} Wh ({how}; {assumptions.overhead:g} times the "
            "machine's own, for its room)",
            f"Cost: {_money(bill.electricity)} {bill.currency} of electricity at "
            f"{assumptions.price_per_kwh:g} per kWh; {_money(bill.rent_low)} to "
            f"{_money(bill.rent_high)} {bill.currency} if the hardware were rented "
            f"(assumed {priced})",
        ]
    return _bullets(lines)


def _data_text(sources: tuple[Source, ...], note: str) -> str:
    rows = [
        [
            f"[{_cell(item.name)}]({item.url})" if item.url else _cell(item.name),
            _cell(item.licence),
            _cell(item.use),
            _cell(item.attribution),
        ]
        for item in sources
    ]
    grid = _grid(("data", "licence", "use", "attribution"), rows) if rows else ""
    return "\n\n".join(part for part in (note, grid) if part)


def _samples_text(samples: tuple[Sample, ...]) -> str:
    has_expected = any(item.expected for item in samples)
    head = ["request", "answer", *(["expected"] if has_expected else [])]
    rows = []
    for item in samples:
        row = [_quoted(item.request), _quoted(item.answer)]
        rows.append(row + ([_quoted(item.expected)] if has_expected else []))
    return _grid(head, rows)


def _sections(card: Card, bill: Bill | None, assumptions: Assumptions) -> list[Section]:
    shape = _bullets(f"{name}: {value}" for name, value in card.shape.items())
    measured = "\n\n".join(metric_table(table) for table in card.tables)
    return [
        Section("What it does", _bullets(card.does)),
        Section("What it does not", _bullets(card.does_not)),
        Section("Bars", _verdict_text(card)),
        Section("Measured", measured),
        Section("Shape", shape),
        Section("Making", _making_text(card, bill, assumptions)),
        Section("Data", _data_text(card.sources, card.data_note)),
        *card.sections,
        Section("Samples, as they came", _samples_text(card.samples) if card.samples else ""),
        Section("Mistakes, as they came", _samples_text(card.mistakes) if card.mistakes else ""),
        Section("Notices", f"```text\n{card.notices.rstrip()}\n```" if card.notices else ""),
    ]


def page(card: Card, *, stem: str, bill: Bill | None, assumptions: Assumptions) -> str:
    """The whole page; sections without content are left out."""
    pictures = "\n\n".join(
        f"![{picture.title}]({stem}-{picture.name}.svg)" for picture in card.pictures
    )
    head = f"# {card.title}\n\n`{card.model}`, licence {card.licence}\n\n{card.summary}"
    parts = [head]
    for section in _sections(card, bill, assumptions):
        if section.text:
            parts.append(f"## {section.title}\n\n{section.text}")
        if section.title == "Measured" and pictures:
            parts.append(pictures)
    return "\n\n".join(part.rstrip() for part in parts) + "\n"
