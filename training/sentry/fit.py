"""Fits the heads with torch; nothing else of the recipe needs it."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray
from torch import Tensor, nn

from kilonova.guardrails.bag import rows_of
from kilonova.guardrails.features import Hashes
from sentry.progress import report
from sentry.recipe import BagDials, InjectionDials

__all__ = ["FittedBag", "FittedLine", "Lesson", "Sample", "fit_bag", "fit_line"]

_BATCH = 256

# On a busy machine two threads spend their time waiting for each other.
torch.set_num_threads(1)


class Sample(Struct, frozen=True):
    """A text's features and its label: the ``label``-th of the ``task``-th set."""

    hashes: Hashes
    task: int
    label: int


class FittedBag(Struct, frozen=True):
    """A table, its shift, and weights and shift of each task."""

    table: NDArray[np.float32]
    shift: NDArray[np.float32]
    tasks: list[tuple[NDArray[np.float32], NDArray[np.float32]]]


class FittedLine(Struct, frozen=True):
    weights: NDArray[np.float32]
    shift: float


class Lesson(Struct, frozen=True):
    """The features of attacks, of calm text that resembles them, and of text that does not."""

    attacks: list[Hashes]
    lookalikes: list[Hashes]
    ordinary: list[Hashes]


class _Network(nn.Module):
    def __init__(self, dials: BagDials, labels: Sequence[int]) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(dials.rows, dials.width, mode="sum")
        nn.init.normal_(self.table.weight, std=0.1)
        self.shift = nn.Parameter(torch.zeros(dials.width))
        self.tasks = nn.ModuleList(nn.Linear(dials.width, count) for count in labels)
        self.dropout = nn.Dropout(dials.dropout)

    def forward(self, bags: list[NDArray[np.int64]]) -> Tensor:
        rows, starts, roots = _packed(bags)
        reading: Tensor = self.dropout(torch.relu(self.table(rows, starts) / roots + self.shift))
        return reading


def fit_bag(
    samples: list[Sample], labels: Sequence[int], dials: BagDials, *, seed: int
) -> FittedBag:
    """``labels``: how many each task has. Falling learning rate, features dropped at random."""
    torch.manual_seed(seed)
    network = _Network(dials, labels)
    optimiser = torch.optim.AdamW(network.parameters(), lr=dials.rate, weight_decay=dials.decay)
    bags = [rows_of(sample.hashes, dials.rows).astype(np.int64) for sample in samples]
    tasks = np.array([sample.task for sample in samples])
    wanted = np.array([sample.label for sample in samples])
    for epoch, batch, share in _batches(len(samples), dials.epochs, seed):
        _cool(optimiser, dials.rate, share)
        draw = np.random.default_rng((seed, epoch, int(batch[0])))
        reading = network([_thinned(bags[one], dials.feature_dropout, draw) for one in batch])
        loss = torch.zeros(())
        for task, layer in enumerate(network.tasks):
            mine = np.flatnonzero(tasks[batch] == task)
            if len(mine):
                loss = loss + nn.functional.cross_entropy(
                    layer(reading[torch.from_numpy(mine)]),
                    torch.from_numpy(wanted[batch][mine]),
                    reduction="sum",
                    label_smoothing=dials.smoothing,
                )
        _step(optimiser, loss / len(batch))
    layers = [(_array(layer.weight), _array(layer.bias)) for layer in network.tasks]
    return FittedBag(_array(network.table.weight), _array(network.shift), layers)


def fit_line(lesson: Lesson, dials: InjectionDials, *, seed: int) -> FittedLine:
    """Logistic regression: one weight a feature, which counts as often as it stands there."""
    torch.manual_seed(seed)
    table = nn.EmbeddingBag(dials.rows, 1, mode="sum")
    nn.init.zeros_(table.weight)
    shift = nn.Parameter(torch.tensor([-3.0]))
    groups = [
        {"params": table.parameters(), "weight_decay": dials.decay},
        {"params": [shift], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=dials.rate)
    parts = (lesson.attacks, lesson.lookalikes, lesson.ordinary)
    sizes = [len(part) for part in parts]
    bags = [rows_of(hashes, dials.rows).astype(np.int64) for part in parts for hashes in part]
    is_attack = np.arange(len(bags)) < sizes[0]
    weights = np.repeat([dials.attack_weight, dials.lookalike_weight, 1.0], sizes)
    weights = weights.astype(np.float32)
    for epoch, batch, share in _batches(len(bags), dials.epochs, seed):
        _cool(optimiser, dials.rate, share)
        draw = np.random.default_rng((seed, epoch, int(batch[0])))
        rows, starts, _ = _packed([_thinned(bags[one], 0.3, draw) for one in batch])
        loss = nn.functional.binary_cross_entropy_with_logits(
            table(rows, starts)[:, 0] / 0.7 + shift,
            torch.from_numpy(is_attack[batch].astype(np.float32)),
            weight=torch.from_numpy(weights[batch]),
        )
        _step(optimiser, loss)
    return FittedLine(_array(table.weight)[:, 0], float(shift.item()))


def _batches(count: int, epochs: int, seed: int) -> Iterator[tuple[int, NDArray[np.int64], float]]:
    """Epoch, places of the samples, and the share of the work that lies behind."""
    each = max(1, count // _BATCH)
    for epoch in range(epochs):
        order = np.random.default_rng((seed, epoch)).permutation(count)
        for number, batch in enumerate(np.array_split(order, each)):
            yield epoch, batch, (epoch * each + number) / (epochs * each)
        report(f"epoch {epoch + 1} of {epochs} over {count:,} samples")


def _packed(bags: list[NDArray[np.int64]]) -> tuple[Tensor, Tensor, Tensor]:
    sizes = np.array([len(bag) for bag in bags])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    roots = np.sqrt(np.maximum(sizes, 1)).astype(np.float32)[:, None]
    return torch.from_numpy(np.concatenate(bags)), torch.from_numpy(starts), torch.from_numpy(roots)


def _thinned(bag: NDArray[np.int64], share: float, draw: np.random.Generator) -> NDArray[np.int64]:
    return bag[draw.random(len(bag)) > share]


def _cool(optimiser: torch.optim.Optimizer, rate: float, share: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate * max(0.02, 1 - share)


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().numpy().astype(np.float32)
    return array
