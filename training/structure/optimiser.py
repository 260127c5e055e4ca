"""Muon for the matrices of the blocks, AdamW for the rest, and the course of the rate.

Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) makes each update orthogonal by a
Newton-Schulz iteration. At this size that iteration is a third of a step, so the processes share
the matrices out, and matrices of one shape go through it as one batch.
"""

from collections.abc import Iterator
from itertools import groupby

import torch
import torch.distributed
from torch import Tensor, nn

from structure.recipe import TrainRecipe

__all__ = ["Optimisers", "orthogonal", "rate_factor"]

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of the odd quintic, from the same page
_NEWTON_SCHULZ_STEPS = 5


def rate_factor(recipe: TrainRecipe, progress: float) -> float:
    """Warm up, hold, then fall linearly to zero; `progress` runs from 0 to 1 with the clock."""
    if progress < recipe.warm_up_share:
        return max(progress / recipe.warm_up_share, 0.02)
    if progress < 1.0 - recipe.warm_down_share:
        return 1.0
    return max((1.0 - progress) / recipe.warm_down_share, 0.005)


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly; shape (count, rows, columns)."""
    first, second, third = _NEWTON_SCHULZ
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.transpose(1, 2) if is_tall else matrices).to(torch.bfloat16)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        square = x @ x.transpose(1, 2)
        x = first * x + (second * square + third * square @ square) @ x
    return (x.transpose(1, 2) if is_tall else x).float()


class _Muon:
    """Matrices, and stacks of them, in a fixed order; process r of n owns every n-th."""

    def __init__(self, matrices: list[nn.Parameter], recipe: TrainRecipe) -> None:
        self._matrices = sorted(matrices, key=lambda item: item.shape)
        self._momenta = [torch.zeros_like(item) for item in self._matrices]
        self._recipe = recipe

    def _owned(self, rank: int, processes: int) -> Iterator[list[int]]:
        """The numbers of this process, in groups of one shape."""
        numbers = range(rank, len(self._matrices), processes)
        for _, group in groupby(numbers, key=lambda number: self._matrices[number].shape):
            yield list(group)

    @torch.no_grad()
    def step(self, rate: float, *, rank: int, processes: int) -> None:
        """Update the owned matrices, then share the new weights."""
        for numbers in self._owned(rank, processes):
            updates = [self._update(number) for number in numbers]
            rows, columns = updates[0].shape[-2:]
            scale = rate * max(1.0, rows / columns) ** 0.5
            turned = orthogonal(torch.stack(updates).view(-1, rows, columns))
            sizes = [update.numel() // (rows * columns) for update in updates]
            for number, update in zip(numbers, torch.split(turned, sizes), strict=True):
                matrix = self._matrices[number]
                matrix.mul_(1 - rate * self._recipe.weight_decay)
                matrix.sub_(update.view_as(matrix), alpha=scale)
        self._share([item.data for item in self._matrices], processes)

    def _update(self, number: int) -> Tensor:
        gradient = self._matrices[number].grad
        assert gradient is not None
        momentum = self._momenta[number]
        momentum.lerp_(gradient, 1 - self._recipe.momentum)
        return gradient.lerp(momentum, self._recipe.momentum)  # Nesterov

    def _share(self, tensors: list[Tensor], processes: int) -> None:
        if processes == 1:
            return
        for owner in range(processes):
            mine = tensors[owner::processes]
            flat = torch.cat([item.flatten() for item in mine])
            torch.distributed.broadcast(flat, src=owner)
            for item, part in zip(mine, flat.split([item.numel() for item in mine]), strict=True):
                item.copy_(part.view_as(item))

    def state(self, processes: int) -> list[Tensor]:
        """All momenta; every process must ask at the same time."""
        self._share(self._momenta, processes)
        return self._momenta

    def restore(self, momenta: list[Tensor]) -> None:
        for mine, saved in zip(self._momenta, momenta, strict=True):
            mine.copy_(saved)


class Optimisers:
    """Both optimisers as one, in process `rank` of `processes`."""

    def __init__(
        self, model: nn.Module, recipe: TrainRecipe, *, rank: int = 0, processes: int = 1
    ) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            inside = name.startswith("blk.") and parameter.dim() > 1
            (matrices if inside else others).append(parameter)
        self._recipe, self._rank, self._processes = recipe, rank, processes
        self._muon = _Muon(matrices, recipe)
        self._adam = torch.optim.AdamW(
            others, lr=recipe.learning_rate_other, betas=(0.9, 0.95), weight_decay=0.0
        )

    def step(self, progress: float) -> float:
        """Apply the gradients at the rate of this moment and clear them; the factor comes back."""
        factor = rate_factor(self._recipe, progress)
        for group in self._adam.param_groups:
            group["lr"] = self._recipe.learning_rate_other * factor
        rate = self._recipe.learning_rate_matrices * factor
        self._muon.step(rate, rank=self._rank, processes=self._processes)
        self._adam.step()
        return factor

    def state(self) -> dict[str, object]:
        """For the checkpoint; every process must ask at the same time."""
        return {"muon": self._muon.state(self._processes), "adam": self._adam.state_dict()}

    def restore(self, state: dict[str, object]) -> None:
        """From the checkpoint, of any number of processes."""
        self._muon.restore(state["muon"])  # type: ignore[arg-type]
        self._adam.load_state_dict(state["adam"])  # type: ignore[arg-type]
