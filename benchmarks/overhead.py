"""Every speed budget of the design, measured in one run and written as one Markdown report.

    python -m benchmarks.overhead [--quick] [--only PART] [--litellm PYTHON] [--markdown FILE]

Absolute times are worth little on a shared machine: everything is measured in alternating rounds
and compared with a reference of the same run. The exit code says nothing about the verdicts.
"""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from msgspec import Struct

from benchmarks import footprint_rows, gateway_rows, spark_rows
from benchmarks.report import Row, write_report
from benchmarks.rounds import Effort
from benchmarks.targets import (
    Target,
    kilonova,
    litellm,
    mock_upstream,
    pass_through,
    prepare_home,
)

__all__: list[str] = []

_QUICK = Effort(rounds=3, seconds=1.0, starts=2, soak=10_000)

_NOTES = [
    "Everything on: a key with limits on requests, tokens and money, a durable reservation before "
    "the first byte and a durable settlement before the last. The references do none of that.",
    "The gateway under test has one core; the client and the upstream share another.",
    "Values are medians of alternating rounds. CPU is that of the whole gateway process, "
    "the thread that writes the ledger included.",
    "Answers have 16 words, in the echo engine and in the mock upstream.",
]


class Bench(Struct, frozen=True, kw_only=True):
    """What every part of the report needs."""

    folder: Path
    effort: Effort
    litellm: Path | None


@contextmanager
def _gateway(bench: Bench, name: str) -> Iterator[tuple[Target, Target, Target]]:
    """Kilonova without a model, the pass-through, and the upstream of both."""
    with mock_upstream(bench.folder) as upstream, pass_through(bench.folder, upstream) as bare:
        home = bench.folder / name
        key = prepare_home(home, upstream=upstream)
        with kilonova(home, key) as served:
            served.process.wait_for(f"{served.url}/readyz")
            yield served, bare, upstream


def _requests(bench: Bench) -> list[Row]:
    with _gateway(bench, "requests") as (served, bare, upstream):
        return [
            *gateway_rows.request_cost(served, bare, bench.effort),
            *gateway_rows.chunk_cost(served, bare, bench.effort),
            *gateway_rows.throughput(served, bare, bench.effort),
            *gateway_rows.first_token(served, bare, upstream, bench.effort),
        ]


def _litellm(bench: Bench) -> list[Row]:
    if bench.litellm is None:
        return [Row(measure="throughput against LiteLLM", kilonova="", reference="not installed")]
    with (
        _gateway(bench, "rival") as (served, _, upstream),
        litellm(bench.litellm, bench.folder, upstream) as rival,
    ):
        return gateway_rows.versus_litellm(served, rival, bench.effort)


def _spark(bench: Bench) -> list[Row]:
    home = bench.folder / "spark"
    key = prepare_home(home, has_spark=True)
    rows = spark_rows.first_answer(home, key, bench.effort)
    with kilonova(home, key, core=None) as served, spark_rows.bare_child(bench.folder) as bare:
        served.process.wait_for(f"{served.url}/readyz")
        return [*spark_rows.tokens_per_second(served, bare, bench.effort), *rows]


def _start(bench: Bench) -> list[Row]:
    return footprint_rows.ready_time(bench.folder, bench.effort)


def _memory(bench: Bench) -> list[Row]:
    home = bench.folder / "memory"
    with kilonova(home, prepare_home(home)) as served:
        served.process.wait_for(f"{served.url}/readyz")
        return footprint_rows.soak(served, served.process.resident_mb, bench.effort)


def _import(bench: Bench) -> list[Row]:
    return footprint_rows.import_time(bench.effort)


_PARTS: dict[str, Callable[[Bench], list[Row]]] = {
    "requests": _requests,
    "litellm": _litellm,
    "spark": _spark,
    "start": _start,
    "memory": _memory,
    "import": _import,
}


def _installed_litellm(given: Path | None) -> Path | None:
    """The interpreter beside whose ``litellm`` command the rival runs."""
    python = given or Path(sys.executable)
    return python if (python.parent / "litellm").exists() else None


def _run(bench: Bench, parts: list[str]) -> list[Row]:
    rows: list[Row] = []
    for part in parts:
        rows += _PARTS[part](bench)
    return rows


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = partial(parser.add_argument, metavar="")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--only", choices=_PARTS, action="append", help="a part of the report")
    add("--litellm", type=Path, help="an interpreter with litellm[proxy] installed")
    add("--markdown", type=Path, help="also write the report to this file")
    return parser.parse_args()


def _main() -> None:
    options = _parse()
    effort = _QUICK if options.quick else Effort()
    with tempfile.TemporaryDirectory(prefix="kilonova-bench-") as folder:
        bench = Bench(
            folder=Path(folder), effort=effort, litellm=_installed_litellm(options.litellm)
        )
        rows = _run(bench, options.only or list(_PARTS))
    report = write_report(rows, command=_command(), notes=_NOTES)
    if options.markdown is not None:
        options.markdown.write_text(report)
    sys.stdout.write(report)


def _command() -> str:
    """As it was typed, without the folders of this machine."""
    words = [word if "/" not in word else Path(word).name for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "benchmarks.overhead", *words])


if __name__ == "__main__":
    _main()
