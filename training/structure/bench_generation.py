"""Tokens per second of serving: experts against a dense model of equal size.

`python -m structure.bench_generation`.
Random weights in the format of the recipe, one engine thread. The models take turns, so that a busy
machine slows them alike. Speed depends on sizes alone, what is written is noise.
"""

import argparse
import os
import platform
import random
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from structure.engine import Engine, serve
from structure.export import Matrices, export
from structure.network import build
from structure.progress import report
from structure.recipe import ModelRecipe, read_recipe
from structure.recipe_deepseek2 import Deepseek2Recipe
from structure.tokenizer import train_tokenizer

__all__ = ["dense_like", "main"]

_RECIPES = Path(__file__).resolve().parents[1] / "recipes"
_PROMPT_TOKENS = 300
_ANSWER_TOKENS = 128
_CONTEXT_TOKENS = 1024
_WRITTEN = "predicted_per_second"


def _size(recipe: ModelRecipe | Deepseek2Recipe) -> int:
    with torch.device("meta"):
        return sum(item.numel() for item in build(recipe).parameters())


def dense_like(recipe: Deepseek2Recipe) -> ModelRecipe:
    """A `llama` shape with the same vocabulary and depth whose size comes nearest."""
    shapes = [
        ModelRecipe(
            name=f"dense as large as {recipe.name}",
            vocabulary=recipe.vocabulary,
            width=width,
            layers=recipe.layers,
            heads=width // 64,
            kv_heads=width // 64,
            hidden=round(width * 2.75 / 32) * 32,
            context_tokens=recipe.context_tokens,
            rope_base=recipe.rope_base,
            norm_epsilon=recipe.norm_epsilon,
        )
        for width in range(64, 2048, 64)
    ]
    wanted = _size(recipe)
    return min(shapes, key=lambda shape: abs(_size(shape) - wanted))


class _Runner:
    """One model behind one engine."""

    def __init__(self, engine: Engine, description: str, vocabulary: int) -> None:
        self._engine, self._vocabulary = engine, vocabulary
        self.description = description
        self.timings: list[dict[str, float]] = []

    def ask(self, draw: random.Random) -> None:
        """One timed request."""
        prompt = [draw.randrange(300, self._vocabulary) for _ in range(_PROMPT_TOKENS)]
        body: dict[str, Any] = {"prompt": prompt, "n_predict": _ANSWER_TOKENS, "ignore_eos": True}
        self.timings.append(self._engine.post("/completion", body)["timings"])

    def median(self, key: str) -> float:
        """Of all but the first request."""
        return statistics.median(item[key] for item in self.timings[1:])


def _some_tokenizer(folder: Path, size: int) -> Path:
    """A tokenizer of the right size from made-up words."""
    draw = random.Random(size)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ("".join(draw.choices(letters, k=draw.randrange(3, 9))) for _ in range(60_000))
    path = folder / f"tokenizer-{size}.json"
    train_tokenizer([" ".join(words)], size=size, path=path)
    return path


def _start(
    stack: ExitStack, folder: Path, recipe: ModelRecipe | Deepseek2Recipe, matrices: Matrices
) -> _Runner:
    torch.manual_seed(1)
    weights = {name: item.numpy() for name, item in build(recipe).state_dict().items()}
    path = folder / f"{len(list(folder.iterdir()))}.gguf"
    tokenizer = _some_tokenizer(folder, recipe.vocabulary)
    export(weights, recipe, tokenizer_path=tokenizer, path=path, matrices=matrices)
    engine = stack.enter_context(serve(path, context_tokens=_CONTEXT_TOKENS))
    megabytes = path.stat().st_size / 1e6
    description = f"{recipe.name} {_size(recipe) / 1e6:.1f} M {matrices} {megabytes:.1f} MB"
    return _Runner(engine, description, recipe.vocabulary)


def _measure(recipe: Deepseek2Recipe, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        runners = [
            _start(stack, folder, shape, recipe.matrices) for shape in (recipe, dense_like(recipe))
        ]
        draw = random.Random(7)
        for _ in range(rounds):
            for runner in runners:
                runner.ask(draw)
        for runner in runners:
            read, written = runner.median("prompt_per_second"), runner.median(_WRITTEN)
            report(f"{runner.description}: reads {read:,.0f} tok/s, writes {written:,.0f} tok/s")
        ratio = runners[0].median(_WRITTEN) / runners[1].median(_WRITTEN)
        report(f"experts write {ratio:.2f} times as fast as the dense model")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="structure.bench_generation", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, help="the first is not counted")
    default = [_RECIPES / "micro.toml", _RECIPES / "micro-cpu.toml"]
    parser.add_argument("--recipes", type=Path, nargs="+", default=default)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    report(f"{platform.machine()}, {_PROMPT_TOKENS} + {_ANSWER_TOKENS} tokens, load {load:.1f}")
    for path in arguments.recipes:
        recipe = read_recipe(path).model
        if not isinstance(recipe, Deepseek2Recipe):
            raise SystemExit(f"{path} is not of architecture deepseek2")
        _measure(recipe, arguments.rounds)


if __name__ == "__main__":
    main()
