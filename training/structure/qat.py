"""Training against the rounding of Q4_0: the last steps see the weights as the file will hold them.

The gradient passes through the rounding as if it were not there (straight through): it is taken at
the rounded weights and applied to the full ones.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from structure.recipe import ModelRecipe
from structure.recipe_deepseek2 import Deepseek2Recipe, is_coarse

__all__ = ["as_stored", "fake_quantised", "rounded"]

_BLOCK = 32
_LEVELS = 16


def rounded(weights: Tensor) -> Tensor:
    """What remains of the weights after a trip through Q4_0.

    A block of 32 shares an F16 scale that puts its largest weight, sign and all, on level 0 of 16.
    """
    if weights.shape[-1] % _BLOCK:
        width = weights.shape[-1]
        raise ValueError(f"rows of {width} weights do not divide into blocks of {_BLOCK}")
    blocks = weights.float().reshape(*weights.shape[:-1], -1, _BLOCK)
    largest = blocks.gather(-1, blocks.abs().argmax(-1, keepdim=True))
    scale = largest / -(_LEVELS / 2)
    inverse = torch.where(scale == 0, 0.0, 1 / scale)
    levels = (blocks * inverse + (_LEVELS / 2 + 0.5)).trunc().clamp(0, _LEVELS - 1)
    stored = scale.to(torch.float16).float()
    result: Tensor = ((levels - _LEVELS / 2) * stored).flatten(-2).to(weights.dtype)
    return result


@contextmanager
def fake_quantised(model: nn.Module) -> Iterator[None]:
    """Round the matrices for one forward and backward pass; afterwards they are whole again."""
    coarse = [item for name, item in model.named_parameters() if is_coarse(name, item.dim())]
    whole = [item.detach().clone() for item in coarse]
    with torch.no_grad():
        for item in coarse:
            item.copy_(rounded(item))
    try:
        yield
    finally:
        with torch.no_grad():
            for item, saved in zip(coarse, whole, strict=True):
                item.copy_(saved)


def as_stored(
    model: nn.Module, recipe: ModelRecipe | Deepseek2Recipe
) -> AbstractContextManager[None]:
    """The model as its file will hold it, where that is coarse enough to matter."""
    is_rough = isinstance(recipe, Deepseek2Recipe) and recipe.matrices == "Q4_0"
    return fake_quantised(model) if is_rough else nullcontext()
