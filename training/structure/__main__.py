"""The recipe as commands: `python -m structure all`, or one step at a time; each can be repeated.

Steps leave their results in the run folder and skip nothing silently: `train` goes on from its
checkpoint, the others do their work again with the same seeds.
"""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path

import msgspec

from structure.corpus import default_folder
from structure.progress import report
from structure.recipe import Phase, Recipe, read_recipe

__all__ = ["main"]


class Looking(msgspec.Struct, frozen=True):
    """How the evaluation is asked for."""

    is_quick: bool = False
    others: tuple[str, ...] = ()
    config: Path | None = None


class Run(msgspec.Struct, frozen=True):
    """Where a run reads and writes."""

    recipe: Recipe
    data: Path
    folder: Path
    shipped: Path
    phases: tuple[Phase, ...]
    looking: Looking = Looking()
    device: str = "cpu"
    sitting_minutes: float = math.inf

    @property
    def tokenizer(self) -> Path:
        """The trained tokenizer."""
        return self.folder / "tokenizer.json"

    @property
    def rows(self) -> dict[str, Path]:
        """The training set, a file for each phase."""
        phases = self.recipe.data.phases
        return {phase.name: self.folder / f"rows-{phase.name}.npz" for phase in phases}

    @property
    def full_precision(self) -> Path:
        """The unquantised twin of the file, to compare."""
        return self.folder / "full-precision.gguf"

    @property
    def checkpoint(self) -> Path:
        """The latest state of training."""
        return self.folder / "checkpoint.pt"


def _tokenizer(run: Run) -> None:
    from structure.dataset import tokenizer_texts
    from structure.tokenizer import train_tokenizer

    texts = tokenizer_texts(run.data, run.recipe.data)
    train_tokenizer(texts, size=run.recipe.model.vocabulary, path=run.tokenizer)
    report(f"tokenizer of {run.recipe.model.vocabulary} entries written")


def _data(run: Run) -> None:
    from structure.dataset import pack_phase
    from structure.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(run.tokenizer)
    for phase in run.phases:
        pack_phase(run.data, run.recipe.data, phase, tokenizer, path=run.rows[phase.name])


def _train(run: Run) -> None:
    from structure.train import Job, train

    job = Job(
        run.recipe,
        run.rows,
        run.checkpoint,
        run.recipe.train.processes,
        device=run.device,
        sitting_minutes=run.sitting_minutes,
    )
    train(job)


def _export(run: Run) -> None:
    from structure.export import export
    from structure.train import load_weights, training_facts

    weights = {name: array.numpy() for name, array in load_weights(run.checkpoint).items()}
    model = run.recipe.model
    export(weights, model, tokenizer_path=run.tokenizer, path=run.shipped)
    # Not shipped: `evaluate` asks it too and says what quantisation costs.
    export(weights, model, tokenizer_path=run.tokenizer, path=run.full_precision, matrices="F32")
    _keep(run, "training.json", training_facts(run.checkpoint))
    report(f"{run.shipped.name}: {run.shipped.stat().st_size:,} bytes")


def _parity(run: Run) -> None:
    from structure.parity import check_parity

    found = check_parity(
        run.recipe.model, run.checkpoint, tokenizer=run.tokenizer, path=run.shipped
    )
    _keep(run, "parity.json", found)


def _freeze(run: Run) -> None:
    from structure.frozen import freeze

    freeze(run.data, seed=run.recipe.evaluation.seed)


def _evaluate(run: Run) -> None:
    from structure.evaluate import Plan, evaluate, summary

    looking = run.looking
    found = evaluate(
        Plan(
            file=run.shipped,
            model=run.recipe.model.name,
            data=run.data,
            is_quick=looking.is_quick,
            others=looking.others,
            config=looking.config,
            full_precision=run.full_precision if run.full_precision.exists() else None,
            answers=run.folder / "quick-answers.jsonl",
        )
    )
    _keep(run, "quick.json" if looking.is_quick else "evaluation.json", found)
    for line in summary(found):
        report(line)


def _card(run: Run) -> None:
    from structure.card import make_card

    make_card(run.recipe, run.folder, shipped=run.shipped, notices=run.data / "NOTICES.txt")


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
# Not part of `all`: the sets were frozen once, and every run is measured on the same.
_ASIDE: dict[str, Callable[[Run], None]] = {"freeze": _freeze}


def _arguments() -> argparse.Namespace:
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(
        prog="structure", description="Train a Kilonova model from scratch."
    )
    parser.add_argument("step", choices=["all", *_STEPS, *_ASIDE])
    parser.add_argument("--data", type=Path, default=default_folder(), help="shared text")
    parser.add_argument("--run", type=Path, default=root / "training" / "run", help="work folder")
    parser.add_argument("--shipped", type=Path, help="the GGUF to write, instead of the packaged")
    parser.add_argument("--recipe", type=Path, help="another file of recipes/")
    parser.add_argument("--phase", help="pack only the data of this phase")
    parser.add_argument("--minutes", type=float, help="training budget instead of the recipe's")
    parser.add_argument("--processes", type=int, help="training processes, one thread each")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="where to train")
    parser.add_argument(
        "--sitting-minutes", type=float, default=math.inf, help="stop then; `train` again goes on"
    )
    parser.add_argument("--quick", action="store_true", help="evaluate on a few fresh items")
    parser.add_argument("--also", action="append", default=[], help="another model id to ask")
    parser.add_argument("--config", type=Path, help="kilonova.toml that offers other models")
    return parser.parse_args()


def _packaged(model: str) -> Path:
    """Where the weights of `kilonova.spark-v1:0` lie in the package."""
    folder = Path(__file__).resolve().parents[2] / "src" / "kilonova" / "catalog" / "weights"
    name = model.partition(":")[0].rpartition(".")[2]
    return folder / f"{name}.gguf"


def _run_of(arguments: argparse.Namespace) -> Run:
    recipe = read_recipe(arguments.recipe)
    dials = {
        name: value
        for name in ("minutes", "processes")
        if (value := getattr(arguments, name)) is not None
    }
    recipe = msgspec.structs.replace(recipe, train=msgspec.structs.replace(recipe.train, **dials))
    arguments.run.mkdir(parents=True, exist_ok=True)
    wanted = [arguments.phase] if arguments.phase else [item.name for item in recipe.data.phases]
    phases = tuple(item for item in recipe.data.phases if item.name in wanted)
    looking = Looking(arguments.quick, tuple(arguments.also), arguments.config)
    return Run(
        recipe,
        arguments.data,
        arguments.run,
        arguments.shipped or _packaged(recipe.model.name),
        phases,
        looking,
        arguments.device,
        arguments.sitting_minutes,
    )


def main() -> None:
    """Run one step, or all in order."""
    arguments = _arguments()
    run = _run_of(arguments)
    for step in _STEPS if arguments.step == "all" else (arguments.step,):
        (_STEPS | _ASIDE)[step](run)


if __name__ == "__main__":
    main()
