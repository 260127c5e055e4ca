"""The recipe as commands: `python -m spark all`, or one step at a time; every step can be repeated.

Steps leave their results in the run folder and skip nothing silently: `train` goes on from its
checkpoint, the others do their work again with the same seeds.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import msgspec

from spark.corpus import default_folder
from spark.progress import report
from spark.recipe import Recipe, read_recipe

__all__ = ["main"]


class Run(msgspec.Struct, frozen=True):
    """Where a run reads and writes."""

    recipe: Recipe
    data: Path
    folder: Path
    shipped: Path

    @property
    def tokenizer(self) -> Path:
        """The trained tokenizer."""
        return self.folder / "tokenizer.json"

    @property
    def packed(self) -> Path:
        """The training set."""
        return self.folder / "packed.npz"

    @property
    def checkpoint(self) -> Path:
        """The latest state of training."""
        return self.folder / "checkpoint.pt"


def _tokenizer(run: Run) -> None:
    from spark.dataset import tokenizer_texts
    from spark.tokenizer import train_tokenizer

    texts = tokenizer_texts(run.data, run.recipe.data)
    train_tokenizer(texts, size=run.recipe.model.vocabulary, path=run.tokenizer)
    report(f"tokenizer of {run.recipe.model.vocabulary} entries written")


def _data(run: Run) -> None:
    from spark.dataset import pack
    from spark.tokenizer import load_tokenizer

    pack(run.data, run.recipe.data, load_tokenizer(run.tokenizer), path=run.packed)


def _train(run: Run) -> None:
    from spark.train import Job, train

    train(Job(run.recipe, run.packed, run.checkpoint, run.recipe.train.processes))


def _export(run: Run) -> None:
    from spark.export import export
    from spark.train import load_weights, training_facts

    weights = {name: array.numpy() for name, array in load_weights(run.checkpoint).items()}
    model = run.recipe.model
    export(weights, model, tokenizer_path=run.tokenizer, path=run.shipped)
    _keep(run, "training.json", training_facts(run.checkpoint))
    report(f"{run.shipped.name}: {run.shipped.stat().st_size:,} bytes")


def _parity(run: Run) -> None:
    from spark.parity import check_parity

    found = check_parity(
        run.recipe.model, run.checkpoint, tokenizer=run.tokenizer, path=run.shipped
    )
    _keep(run, "parity.json", found)


def _evaluate(run: Run) -> None:
    from spark.evaluate import evaluate

    _keep(run, "evaluation.json", evaluate(run.shipped, run.recipe.evaluation))


def _card(run: Run) -> None:
    from spark.card import write_card

    write_card(run.recipe, run.folder, shipped=run.shipped, notices=run.data / "NOTICES.txt")


def _keep(run: Run, name: str, found: object) -> None:
    (run.folder / name).write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
    report(f"{name}: {json.dumps(msgspec.to_builtins(found))[:400]}")


_STEPS: dict[str, Callable[[Run], None]] = {
    "tokenizer": _tokenizer,
    "data": _data,
    "train": _train,
    "export": _export,
    "parity": _parity,
    "evaluate": _evaluate,
    "card": _card,
}


def _arguments() -> argparse.Namespace:
    root = Path(__file__).resolve().parents[2]
    shipped = root / "src" / "kilonova" / "catalog" / "weights" / "spark-v1.gguf"
    parser = argparse.ArgumentParser(prog="spark", description="Train Kilonova Spark from scratch.")
    parser.add_argument("step", choices=["all", *_STEPS])
    parser.add_argument("--data", type=Path, default=default_folder(), help="shared text")
    parser.add_argument("--run", type=Path, default=root / "training" / "run", help="work folder")
    parser.add_argument("--shipped", type=Path, default=shipped, help="the GGUF to write")
    parser.add_argument("--recipe", type=Path, help="another recipe.toml")
    parser.add_argument("--minutes", type=float, help="training budget instead of the recipe's")
    parser.add_argument("--processes", type=int, help="training processes, one thread each")
    return parser.parse_args()


def _run_of(arguments: argparse.Namespace) -> Run:
    recipe = read_recipe(arguments.recipe)
    dials = {
        name: value
        for name in ("minutes", "processes")
        if (value := getattr(arguments, name)) is not None
    }
    recipe = msgspec.structs.replace(recipe, train=msgspec.structs.replace(recipe.train, **dials))
    arguments.run.mkdir(parents=True, exist_ok=True)
    return Run(recipe, arguments.data, arguments.run, arguments.shipped)


def main() -> None:
    """Run one step, or all in order."""
    arguments = _arguments()
    run = _run_of(arguments)
    for step in _STEPS if arguments.step == "all" else (arguments.step,):
        _STEPS[step](run)


if __name__ == "__main__":
    main()
