"""The one place that knows every architecture: a recipe becomes a network."""

from collections.abc import Mapping

from torch import Tensor

from structure.deepseek2 import Deepseek2
from structure.model import Spark
from structure.recipe import ModelRecipe
from structure.recipe_deepseek2 import Deepseek2Recipe

__all__ = ["Network", "build", "trained"]

Network = Spark | Deepseek2


def build(recipe: ModelRecipe | Deepseek2Recipe) -> Network:
    """A network with fresh weights."""
    match recipe:
        case ModelRecipe():
            return Spark(recipe)
        case Deepseek2Recipe():
            return Deepseek2(recipe)


def trained(recipe: ModelRecipe | Deepseek2Recipe, weights: Mapping[str, Tensor]) -> Network:
    """A network with the given weights, ready to be asked."""
    network = build(recipe)
    network.load_state_dict(weights)
    return network.eval()
