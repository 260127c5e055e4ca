"""Tokens per second of training, dense against experts: `python -m structure.bench_step`.

Forward, backward and optimiser on random tokens in rows as the recipe lays them. The networks take
turns, so that a busy machine slows them alike: the ratio is the result, the rest is of the day.
"""

import argparse
import os
import platform
import statistics
import time
from pathlib import Path

import torch
from torch.nn import functional

from structure.network import Network, build
from structure.optimiser import Optimisers
from structure.progress import report
from structure.recipe import Recipe, read_recipe

__all__ = ["main"]

_RECIPES = Path(__file__).resolve().parents[1] / "recipes"
_TARGET_SHARE = 4  # one position in four reaches the output matrix, as in training


class _Runner:
    """One network with its optimiser."""

    def __init__(self, recipe: Recipe, rows: int) -> None:
        torch.manual_seed(recipe.train.seed)
        self.name = recipe.model.name
        self._recipe, self._rows = recipe, rows
        self._network = build(recipe.model)
        self._optimisers = Optimisers(self._network, recipe.train)
        self.seconds: list[float] = []

    @property
    def network(self) -> Network:
        """What is measured."""
        return self._network

    @property
    def tokens(self) -> int:
        """Per step."""
        return self._rows * (self._recipe.data.row_tokens - 1)

    def step(self) -> None:
        """One timed step."""
        model = self._recipe.model
        ids = torch.randint(model.vocabulary, (self._rows, self._recipe.data.row_tokens))
        begun = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = self._network.features(ids[:, :-1])[:, ::_TARGET_SHARE].flatten(0, 1)
            logits = self._network.logits(features).float()
            loss = functional.cross_entropy(logits, ids[:, 1::_TARGET_SHARE].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimisers.step(0.5)
        self._network.zero_grad(set_to_none=True)
        self.seconds.append(time.perf_counter() - begun)


def _describe(runner: _Runner, *, baseline: float | None) -> float:
    seconds = statistics.median(runner.seconds[1:])
    speed = runner.tokens / seconds
    size = sum(item.numel() for item in runner.network.parameters())
    ratio = "" if baseline is None else f", {speed / baseline:.2f} of the first"
    report(f"{runner.name} {size / 1e6:.1f} M: {seconds:.2f} s a step, {speed:,.0f} tok/s{ratio}")
    return speed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="structure.bench_step", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="the first is not counted")
    parser.add_argument("--rows", type=int, default=8, help="rows per step")
    dense = Path(__file__).parents[1] / "recipes" / "spark.toml"
    default = [dense, _RECIPES / "micro-cpu.toml"]
    parser.add_argument("--recipes", type=Path, nargs="+", default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    report(f"{platform.machine()}, torch {torch.__version__}, one thread, load {load:.1f}")
    runners = [_Runner(read_recipe(path), arguments.rows) for path in arguments.recipes]
    for _ in range(arguments.rounds):
        for runner in runners:
            runner.step()
    first: float | None = None
    for runner in runners:
        speed = _describe(runner, baseline=first)
        first = speed if first is None else first


if __name__ == "__main__":
    main()
