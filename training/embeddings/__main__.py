"""``python -m embeddings STEP --data ../../shared/data --run run/embeddings``: a step, or ``all``.

Each step reads what the one before wrote into the run folder; ``all`` skips those whose result is
there already, so that an interrupted run goes on. ``evaluate`` may be repeated at any time: it
reads nothing but the committed weights and the frozen sets. ``sets`` made those once.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from embeddings.recipe import load_recipe

_STEPS = ("pieces", "pairs", "fit", "export", "evaluate", "card")
_RESULTS = {"pieces": "pieces.json", "pairs": "pairs.npz", "fit": "table.npy"}


class _Places(NamedTuple):
    data: Path
    run: Path


def main() -> None:
    """Runs the step that the command line names."""
    parser = argparse.ArgumentParser(prog="embeddings", description=__doc__)
    parser.add_argument("step", choices=(*_STEPS, "sets", "all"))
    parser.add_argument("--data", type=Path, default=Path("../../shared/data"))
    parser.add_argument("--run", type=Path, default=Path("run/embeddings"))
    arguments = parser.parse_args()
    arguments.run.mkdir(parents=True, exist_ok=True)
    for step in _STEPS if arguments.step == "all" else (arguments.step,):
        result = arguments.run / _RESULTS.get(step, "")
        if arguments.step == "all" and step in _RESULTS and result.exists():
            _say(f"{step}: {result} is there already")
            continue
        _say(f"{step} …")
        _ACTIONS[step](_Places(arguments.data, arguments.run))


def _pieces(places: _Places) -> None:
    from embeddings.vocabulary import choose_pieces

    pieces = choose_pieces(places.data, load_recipe())
    (places.run / "pieces.json").write_text(json.dumps(pieces), encoding="utf-8")


def _pairs(places: _Places) -> None:
    from embeddings.corpus import TRAINING, digest
    from embeddings.dataset import build_dataset

    pieces = json.loads((places.run / "pieces.json").read_text(encoding="utf-8"))
    to = places.run / "pairs.npz"
    made = build_dataset(places.data, load_recipe(), pieces=pieces, to=to)
    made["sources_sha256"] = {name: digest(places.data, name) for name in TRAINING}
    _write(places.run / "pairs.json", made)


def _fit(places: _Places) -> None:
    import numpy as np

    from embeddings.train import fit

    pieces = json.loads((places.run / "pieces.json").read_text(encoding="utf-8"))
    data = places.run / "pairs.npz"
    table, took = fit(data, load_recipe(), pieces=len(pieces), report=_say)
    np.save(places.run / "table.npy", table)
    _write(places.run / "fit.json", took)


def _export(places: _Places) -> None:
    from embeddings.export import export

    export(places.run)


def _evaluate(places: _Places) -> None:
    from embeddings.evaluate import evaluate

    _write(places.run / "evaluation.json", evaluate(report=_say))


def _card(places: _Places) -> None:
    from embeddings.card import write_card

    write_card(places.run, notices=places.data / "NOTICES.txt")


def _sets(places: _Places) -> None:
    from embeddings.sets import make_sets, write

    write(make_sets(places.data, load_recipe()))


_ACTIONS: dict[str, Callable[[_Places], None]] = {
    "pieces": _pieces,
    "pairs": _pairs,
    "fit": _fit,
    "export": _export,
    "evaluate": _evaluate,
    "card": _card,
    "sets": _sets,
}


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
