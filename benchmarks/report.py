"""The report: one row a measure, with its budget and its verdict, as a Markdown table."""

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from msgspec import Struct

from kilonova import __version__

__all__ = ["Budget", "Row", "preamble", "row", "write_report"]

_HEADS = ("measure", "Kilonova", "reference", "ratio", "must", "aim", "verdict")
_LIBRARIES = ("granian", "uvloop", "aiohttp", "msgspec", "apsw", "xllamacpp")


class Budget(Struct, frozen=True):
    """What a measure must reach, and what it should. ``floor``: at least; ``ceiling``: at most."""

    must: float
    aim: float
    unit: str
    kind: Literal["ceiling", "floor"] = "ceiling"

    def verdict(self, value: float) -> str:
        if self._reaches(value, self.aim):
            return "met, and the aim"
        return "met" if self._reaches(value, self.must) else "**missed**"

    def show(self, limit: float) -> str:
        sign = "≤" if self.kind == "ceiling" else "≥"
        return f"{sign} {limit:g} {self.unit}"

    def _reaches(self, value: float, limit: float) -> bool:
        return value <= limit if self.kind == "ceiling" else value >= limit


class Row(Struct, frozen=True, kw_only=True):
    measure: str
    kilonova: str
    reference: str = ""
    ratio: str = ""
    must: str = ""
    aim: str = ""
    verdict: str = "for information"


def row(
    measure: str,
    kilonova: str,
    *,
    reference: str = "",
    ratio: float | None = None,
    budget: Budget | None = None,
    judged: float | None = None,
) -> Row:
    """A row, judged by ``judged`` where there is a budget."""
    shown = "" if ratio is None else f"{ratio:.2f}"
    if budget is None or judged is None:
        return Row(measure=measure, kilonova=kilonova, reference=reference, ratio=shown)
    return Row(
        measure=measure,
        kilonova=kilonova,
        reference=reference,
        ratio=shown,
        must=budget.show(budget.must),
        aim=budget.show(budget.aim),
        verdict=budget.verdict(judged),
    )


def write_report(rows: list[Row], *, command: str, notes: list[str]) -> str:
    """The whole report."""
    cells = [(r.measure, r.kilonova, r.reference, r.ratio, r.must, r.aim, r.verdict) for r in rows]
    table = [_HEADS, ("---",) * len(_HEADS), *cells]
    lines = ["# What Kilonova costs", "", *preamble(command), ""]
    lines += [f"| {' | '.join(line)} |" for line in table]
    lines += ["", *(f"- {note}" for note in notes), ""]
    return "\n".join(lines)


def preamble(command: str) -> list[str]:
    """Where, when and by which command a report was made."""
    today = datetime.datetime.now(datetime.UTC).date()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return [
        f"- Machine: {len(os.sched_getaffinity(0))} cores of {_processor()}; load average {load}",
        f"- Versions: kilonova {__version__}, Python {platform.python_version()}, {libraries}",
        f"- Date: {today}",
        f"- Command: `{command}`",
    ]


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    machine = " (virtual machine)" if "hypervisor" in text else ""
    return f"{names[0] if names else platform.machine()}{machine}"
