"""The recipe as commands: `python -m sentry all`, or one step; every step can be repeated.

A fitted head lies in the run folder; `all` fits only those that are not there. Remove the folder to
begin again.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from sentry.corpus import default_folder
from sentry.progress import report
from sentry.recipe import Recipe, read_recipe

__all__ = ["main"]

_HEADS = ("complexity", "requests", "injection", "letters")


class Run(Struct, frozen=True):
    """Where a run reads and writes."""

    recipe: Recipe
    data: Path
    folder: Path
    shipped: Path


def _fit(run: Run, head: str) -> None:
    from sentry.train import fit_head

    facts = fit_head(head, run.recipe, run.data, folder=run.folder)
    _keep(run, head, facts)


def _fit_missing(run: Run) -> None:
    for head in _HEADS:
        if not (run.folder / f"{head}.json").exists():
            _fit(run, head)


def _pack(run: Run) -> None:
    from sentry.train import pack

    pack(run.folder, run.shipped)
    report(f"{run.shipped.name}: {run.shipped.stat().st_size:,} bytes")


def _evaluate(run: Run) -> None:
    from kilonova.guardrails.sentry import Sentry
    from sentry.evaluate import evaluate

    _keep(run, "evaluation", evaluate(Sentry.packaged(), run.data))


def _benchmark(run: Run) -> None:
    from sentry.benchmark import benchmark

    _keep(run, "benchmark", benchmark(run.shipped, run.data))


def _families(run: Run) -> None:
    from sentry.leaving import leave_families_out

    _keep(run, "families", leave_families_out(run.recipe, run.data))


def _score(run: Run) -> None:
    from kilonova.guardrails.sentry import Sentry
    from sentry.evaluate import score_blind

    # What other heads found on the set was scored beside this one, and is kept.
    kept = run.folder / "blind.json"
    earlier = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    figures = earlier | score_blind(Sentry.packaged())
    _keep(run, "blind", figures)
    report(json.dumps(figures, indent=1, ensure_ascii=False))


def _sets(_run: Run) -> None:
    from sentry.sets import write_sets

    write_sets()


def _card(run: Run) -> None:
    from sentry.card import write_card

    write_card(run.recipe, run.folder, data=run.data, shipped=run.shipped)


def _keep(run: Run, name: str, facts: dict[str, object]) -> None:
    text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    (run.folder / f"{name}.json").write_text(text, encoding="utf-8")


_STEPS: dict[str, Callable[[Run], None]] = {
    "sets": _sets,
    "families": _families,
    "fit": _fit_missing,
    "pack": _pack,
    "evaluate": _evaluate,
    "score": _score,
    "benchmark": _benchmark,
    "card": _card,
}


def _arguments() -> argparse.Namespace:
    root = Path(__file__).resolve().parents[2]
    shipped = root / "src" / "kilonova" / "catalog" / "weights" / "sentry-v1.safetensors"
    parser = argparse.ArgumentParser(prog="sentry", description="Make Kilonova Sentry.")
    parser.add_argument("step", choices=["all", *_STEPS, *_HEADS])
    parser.add_argument("--data", type=Path, default=default_folder(), help="shared text")
    parser.add_argument("--run", type=Path, default=root / "training" / "runs" / "sentry")
    parser.add_argument("--shipped", type=Path, default=shipped, help="the file to write")
    return parser.parse_args()


def main() -> None:
    """Run one step, or all in order."""
    arguments = _arguments()
    arguments.run.mkdir(parents=True, exist_ok=True)
    run = Run(read_recipe(), arguments.data, arguments.run, arguments.shipped)
    if arguments.step in _HEADS:
        _fit(run, arguments.step)
        return
    for step in _STEPS if arguments.step == "all" else (arguments.step,):
        _STEPS[step](run)


if __name__ == "__main__":
    main()
