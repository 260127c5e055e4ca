"""Fits one vector a piece, so that texts that belong together point the same way.

A text is the sum of its pieces' vectors, so that how long a vector gets is how much its piece
matters: rarity is learned, not counted. Every batch pulls each pair together and pushes all other
pairs of the batch apart, at each of the nested lengths at once.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from embeddings.pairs import KINDS
from embeddings.recipe import Fit, Recipe

__all__ = ["fit"]

_REPORT_STEPS = 100
_WARM_UP = 0.05


class _Kind:
    """The pairs of one kind, and how batches are drawn from them."""

    def __init__(self, arrays: Any, kind: str, *, group: int) -> None:
        self._queries = arrays[f"{kind}.queries"]
        self._passages = arrays[f"{kind}.passages"]
        self._query_ends = arrays[f"{kind}.query_ends"]
        self._passage_ends = arrays[f"{kind}.passage_ends"]
        self.groups = arrays[f"{kind}.groups"]
        # Neighbours are sections of one document; other kinds have no order that means anything.
        self._group = group

    def draw(self, random: np.random.Generator, size: int) -> NDArray[np.int64]:
        count = len(self.groups)
        starts = random.integers(0, count - self._group + 1, size // self._group)
        return np.unique((starts[:, None] + np.arange(self._group)).reshape(-1))

    def texts(self, chosen: NDArray[np.int64]) -> tuple[tuple[Tensor, Tensor], ...]:
        return (
            _bags(self._queries, self._query_ends, chosen),
            _bags(self._passages, self._passage_ends, chosen),
        )


def _bags(
    flat: NDArray[np.uint16], ends: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[Tensor, Tensor]:
    """Pieces of the chosen rows one after the other, and where each row starts."""
    starts = np.where(chosen > 0, ends[chosen - 1], 0)
    rows = [flat[start:end] for start, end in zip(starts, ends[chosen], strict=True)]
    offsets = np.cumsum([0, *(len(row) for row in rows[:-1])])
    return torch.from_numpy(np.concatenate(rows).astype(np.int64)), torch.from_numpy(offsets)


def fit(
    data: Path, recipe: Recipe, *, pieces: int, report: Callable[[str], None]
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """The vectors, and what it took."""
    dials = recipe.fit
    torch.set_num_threads(1)  # beside other work, threads mostly wait for each other
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    with np.load(data) as arrays:
        loaded = {name: arrays[name] for name in arrays.files}
    group = {"headings": dials.group, "neighbours": dials.group}
    kinds = {kind: _Kind(loaded, kind, group=group.get(kind, 1)) for kind in KINDS}
    table = torch.nn.Parameter(torch.randn(pieces, dials.dimensions) * 0.1)
    optimiser = torch.optim.Adam([table], lr=dials.learning_rate, betas=(0.9, 0.99))
    names, shares = list(KINDS), np.array(list(KINDS.values()))
    started_s, seen, losses = time.monotonic(), 0, []
    for step in range(dials.steps):
        for setting in optimiser.param_groups:
            setting["lr"] = dials.learning_rate * _pace(step / dials.steps)
        kind = kinds[names[random.choice(len(names), p=shares / shares.sum())]]
        chosen = kind.draw(random, dials.batch)
        loss = _loss(table, kind.texts(chosen), kind.groups[chosen], dials=dials)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen += len(chosen)
        losses.append(loss.item())
        if (step + 1) % _REPORT_STEPS == 0:
            spent_s = time.monotonic() - started_s
            left_s = spent_s / (step + 1) * (dials.steps - step - 1)
            mean = sum(losses[-_REPORT_STEPS:]) / _REPORT_STEPS
            report(f"step {step + 1}/{dials.steps}  loss {mean:.3f}  {left_s:.0f} s left")
    minutes = (time.monotonic() - started_s) / 60
    core_minutes = time.process_time() / 60
    return table.detach().numpy(), {
        "steps": dials.steps,
        "pairs_seen": seen,
        "minutes": round(minutes, 1),
        "core_minutes": round(core_minutes, 1),
        "loss": round(sum(losses[-_REPORT_STEPS:]) / _REPORT_STEPS, 4),
    }


def _pace(done: float) -> float:
    """Up in the first twentieth, then down to nothing."""
    return min(done / _WARM_UP, (1 - done) / (1 - _WARM_UP))


def _loss(
    table: Tensor, texts: tuple[tuple[Tensor, Tensor], ...], groups: NDArray[Any], *, dials: Fit
) -> Tensor:
    queries, passages = (
        functional.embedding_bag(pieces, table, starts, mode="sum") for pieces, starts in texts
    )
    same = torch.from_numpy(groups[:, None] == groups[None, :])
    same.fill_diagonal_(False)
    targets = torch.arange(len(groups))
    total = torch.zeros(())
    for size in dials.nested:
        near = functional.normalize(queries[:, :size]) @ functional.normalize(passages[:, :size]).T
        near = (near / dials.temperature).masked_fill(same, -1e4)
        total = total + functional.cross_entropy(near, targets)
        total = total + functional.cross_entropy(near.T, targets)
    return total / (2 * len(dials.nested))
