"""Muon for the matrices inside the blocks, AdamW for the rest, and the course of the rate."""

from collections.abc import Iterator

import torch
from torch import nn

from spark.recipe import TrainRecipe

__all__ = ["Optimisers", "rate_factor"]


def rate_factor(recipe: TrainRecipe, progress: float) -> float:
    """Warm up, hold, then fall linearly to zero; `progress` runs from 0 to 1 with the clock."""
    if progress < recipe.warm_up_share:
        return max(progress / recipe.warm_up_share, 0.02)
    if progress < 1.0 - recipe.warm_down_share:
        return 1.0
    return max((1.0 - progress) / recipe.warm_down_share, 0.005)


class Optimisers:
    """Both optimisers as one."""

    def __init__(self, model: nn.Module, recipe: TrainRecipe) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            inside = name.startswith("blk.") and parameter.dim() == 2
            (matrices if inside else others).append(parameter)
        self._recipe = recipe
        self._muon = torch.optim.Muon(
            matrices,
            lr=recipe.learning_rate_matrices,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
        self._adam = torch.optim.AdamW(
            others, lr=recipe.learning_rate_other, betas=(0.9, 0.95), weight_decay=0.0
        )

    def _groups(self) -> Iterator[tuple[dict[str, object], float]]:
        for group in self._muon.param_groups:
            yield group, self._recipe.learning_rate_matrices
        for group in self._adam.param_groups:
            yield group, self._recipe.learning_rate_other

    def step(self, progress: float) -> None:
        """Apply the gradients at the rate of this moment, then clear them."""
        factor = rate_factor(self._recipe, progress)
        for group, rate in self._groups():
            group["lr"] = rate * factor
        self._muon.step()  # type: ignore[no-untyped-call]
        self._adam.step()
        self._muon.zero_grad(set_to_none=True)
        self._adam.zero_grad(set_to_none=True)

    def state(self) -> dict[str, object]:
        """For the checkpoint."""
        return {"muon": self._muon.state_dict(), "adam": self._adam.state_dict()}

    def restore(self, state: dict[str, dict[str, object]]) -> None:
        """From the checkpoint."""
        self._muon.load_state_dict(state["muon"])
        self._adam.load_state_dict(state["adam"])
