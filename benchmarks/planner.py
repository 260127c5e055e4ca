"""How right the planner is: its predictions beside measured runs, and the bars of the project.

    python -m benchmarks.planner            prints every bar, with the anchor beside ours
    python -m benchmarks.planner fit        fits the constants anew and writes them to the package
    python -m benchmarks.planner --csv FILE uses a table that is already here

The table comes from a PyPI wheel (``planner_rows``) and is skipped cleanly where it cannot be had.
Each family is predicted by constants fitted on the others (``planner_fit``).
"""

import argparse
import datetime
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.planner_days import UNREAD, Bar, deepseek_day, plan_speeds
from benchmarks.planner_fit import Prediction, fit, held_out, predict
from benchmarks.planner_picture import scatter
from benchmarks.planner_rows import Rows, Unavailable, families, read_rows
from kilonova.planner.columns import Array, Columns
from kilonova.planner.constants import Constants, Fit, Miss
from kilonova.planner.steady import Traffic, latency
from kilonova.planner.tables import Tables, load_tables

__all__ = ["main"]

_CONSTANTS = Path("src/kilonova/planner/facts/constants.toml")
_SOURCE = "python -m benchmarks.planner fit, on silicon_sample.csv of aiconfigurator-core 0.12.0"


def main() -> None:
    """Prints the report, or fits."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planner", description=__doc__)
    parser.add_argument("act", nargs="?", choices=["report", "fit"], default="report")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--picture", type=Path, help="write predicted against measured there")
    arguments = parser.parse_args()
    tables = load_tables()
    try:
        rows = read_rows(tables, csv_path=arguments.csv)
    except (Unavailable, OSError) as error:
        sys.stdout.write(f"skipped: {error}\n")
        return
    lines = _fit(rows) if arguments.act == "fit" else _report(rows, tables, arguments.picture)
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _fit(rows: Rows) -> Iterator[str]:
    """Constants from all rows; errors from families that the fit of the moment had not seen."""
    blind = held_out(rows)
    made = Fit(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        source=_SOURCE,
        constants=fit(rows),
        token=_miss(rows.token_s / blind.token_s),
        first=_miss(rows.first_s / blind.first_s),
        throughput=_miss(_cycle(rows, blind) / _measured_cycle(rows)),
    )
    _CONSTANTS.write_text(_toml(made))
    yield f"{_CONSTANTS}: constants of {len(rows.running)} rows"


def _miss(ratio: Array) -> Miss:
    """``ratio`` is measured / predicted."""
    low, high = np.quantile(ratio, [0.1, 0.9])
    median = np.median(np.abs(1 / ratio - 1))
    return Miss(
        median=round(float(median), 4), low=round(float(low), 4), high=round(float(high), 4)
    )


def _toml(made: Fit) -> str:
    lines = ["# Written by `python -m benchmarks.planner fit`: do not edit."]
    lines += [f'date = "{made.date}"', f'source = "{made.source}"']
    for name in ("constants", "token", "first", "throughput"):
        lines += ["", f"[{name}]"]
        for field, value in msgspec.to_builtins(getattr(made, name)).items():
            listed = isinstance(value, list | tuple)
            shown = [f"{part:.5g}" for part in (value if listed else [value])]
            numbers = [text if "." in text or "e" in text else f"{text}.0" for text in shown]
            lines.append(
                f"{field} = [{', '.join(numbers)}]" if listed else f"{field} = {numbers[0]}"
            )
    return "\n".join(lines) + "\n"


def _report(rows: Rows, tables: Tables, picture: Path | None) -> Iterator[str]:
    yield f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}"
    yield f"{len(rows.running)} aggregated rows, {len(set(rows.family))} model families; {_SOURCE}"
    blind = held_out(rows)
    if picture is not None:
        picture.write_text(scatter(rows.token_s, blind.token_s, rows.family))
    _, sealed = families()
    is_sealed = np.isin(rows.family, list(sealed))
    open_constants = fit(rows.take(~is_sealed))
    yield ""
    yield from _families(rows, blind, open_constants)
    yield ""
    yield "| bar | anchor | must | measured | |"
    yield "|---|---|---|---|---|"
    for bar in (
        *_accuracy(rows, blind),
        *_ranking(rows, blind, tables),
        *deepseek_day(tables),
        _speed(rows, tables),
        *plan_speeds(tables),
    ):
        verdict = {True: "met", False: "**missed**", None: ""}[bar.is_met]
        yield f"| {bar.name} | {bar.anchor} | {bar.must} | {bar.value} | {verdict} |"
    yield ""
    yield from UNREAD


def _families(rows: Rows, blind: Prediction, open_constants: Constants) -> Iterator[str]:
    """Each family held out; for the sealed ones also by constants of the open families alone."""
    family_of, sealed = families()
    yield "| family, held out | rows | per token, median / p90 | first token | from open families |"
    yield "|---|---|---|---|---|"
    for family in sorted(set(family_of.values())):
        own = rows.family == family
        token = _error(blind.token_s[own], rows.token_s[own])
        first = _error(blind.first_s[own], rows.first_s[own])
        seen = ""
        if family in sealed:
            seen = _error(predict(rows.take(own), open_constants).token_s, rows.token_s[own])
        yield f"| {family} | {own.sum()} | {token} | {first} | {seen} |"


def _error(predicted: Array, measured: Array) -> str:
    median, p90 = np.quantile(np.abs(predicted / measured - 1), [0.5, 0.9]) * 100
    return f"{median:.1f} / {p90:.1f} %"


def _accuracy(rows: Rows, blind: Prediction) -> Iterator[Bar]:
    token = np.abs(blind.token_s / rows.token_s - 1)
    first = np.median(np.abs(blind.first_s / rows.first_s - 1))
    through = np.median(np.abs(_measured_cycle(rows) / _cycle(rows, blind) - 1))
    corrected, tested = _calibrated(rows, blind)
    kept = np.abs(corrected[tested] / rows.token_s[tested] - 1)
    for name, errors, anchor, most in (
        ("time per output token, held-out family", token, "AIConfigurator 18.0 / 74 %", (18, 45)),
        (
            "the same, one factor a group from half the runs",
            kept,
            "closed form 12.3 / 38 %",
            (12, 38),
        ),
    ):
        median, p90 = np.quantile(errors, [0.5, 0.9]) * 100
        is_met = bool(median <= most[0] and p90 <= most[1])
        must = f"<= {most[0]} / {most[1]} %"
        yield Bar(
            f"{name} ({len(errors)} rows)", anchor, must, f"{median:.1f} / {p90:.1f} %", is_met
        )
    yield Bar("time to first token", "AIConfigurator 55 %", "<= 40 %", f"{first:.1%}", first <= 0.4)
    yield Bar("tokens/s/chip", "closed form 12.9 %", "<= 15 %", f"{through:.1%}", through <= 0.15)


def _calibrated(
    rows: Rows, blind: Prediction
) -> tuple[Array, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Predictions times the median miss of one half of a group's runs, and the mask of the rest.

    Runs are dealt by their times, so that the copies of one run are all on one side.
    """
    runs = {run: at for at, run in enumerate(sorted(set(rows.run)))}
    learns = np.array([runs[run] % 2 == 0 for run in rows.run])
    corrected = blind.token_s.copy()
    for group in sorted(set(rows.group)):
        own = rows.group == group
        if np.any(own & learns):
            miss = np.log(rows.token_s[own & learns] / blind.token_s[own & learns])
            corrected[own] *= np.exp(np.median(miss))
    return corrected, ~learns


def _cycle(rows: Rows, times: Prediction) -> Array:
    """How long one request holds its place, in seconds: throughput is its inverse."""
    return times.first_s + rows.traffic.output_tokens * times.token_s


def _measured_cycle(rows: Rows) -> Array:
    return _cycle(rows, Prediction(rows.token_s, rows.first_s))


def _ranking(rows: Rows, blind: Prediction, tables: Tables) -> Iterator[Bar]:
    """Is what is predicted to be cheapest also (nearly) the cheapest that was measured?"""
    rate = {
        name: tables.rate(name, "owned").usd_h for name in ("h100", "h200", "b200", "b300", "gb200")
    }
    price = np.array([rate[row.accelerator.name] for row in rows.configurations])
    work = rows.running * rows.traffic.output_tokens / (rows.columns.chips * price)
    measured, predicted = _measured_cycle(rows) / work, _cycle(rows, blind) / work
    lengths = [
        f"{one:.0f}/{two:.0f}"
        for one, two in zip(rows.traffic.input_tokens, rows.traffic.output_tokens, strict=True)
    ]
    within = np.array([f"{a} {b}" for a, b in zip(rows.group, lengths, strict=True)])
    across = np.array(
        [
            f"{row.model.name} {length} {running:.0f}"
            for row, length, running in zip(rows.configurations, lengths, rows.running, strict=True)
        ]
    )
    must = ">= 80 % of groups"
    name = "cheapest predicted within 10 % of cheapest measured"
    share, count = _hits(within, measured, predicted)
    yield Bar(f"{name}, layout and load ({count} groups)", "-", must, f"{share:.1%}", share >= 0.8)
    share, count = _hits(across, measured, predicted)
    yield Bar(f"{name}, any chip, engine, layout ({count} groups)", "-", "", f"{share:.1%}", None)


def _hits(
    group: np.ndarray[tuple[int], np.dtype[np.str_]], measured: Array, predicted: Array
) -> tuple[float, int]:
    """The share of groups with three configurations or more where the choice was good."""
    good = []
    for name in set(group):
        own = group == name
        if np.sum(own) >= 3:
            chosen = measured[own][np.argmin(predicted[own])]
            good.append(chosen <= 1.1 * np.min(measured[own]))
    return float(np.mean(good)), len(good)


def _speed(rows: Rows, tables: Tables) -> Bar:
    """Ten thousand configurations, from Python objects to both latencies."""
    many = (rows.configurations * 3)[:10_000]
    ones = np.ones(len(many))
    traffic = Traffic(
        input_tokens=1024 * ones, output_tokens=1024 * ones, cached_tokens=0 * ones, alike=0 * ones
    )
    start = time.perf_counter()
    latency(Columns.of(many), tables.fit.constants, running=32 * ones, traffic=traffic)
    seconds = time.perf_counter() - start
    return Bar(f"{len(many)} configurations", "1 s each", "< 1 s", f"{seconds:.2f} s", seconds < 1)


if __name__ == "__main__":
    main()
