"""The dials of a run, read from `recipes/` into a frozen tree; an unknown key is an error."""

from pathlib import Path
from typing import Literal

import msgspec

from structure.recipe_deepseek2 import Deepseek2Recipe

__all__ = [
    "DataRecipe",
    "EvaluationRecipe",
    "ModelRecipe",
    "Phase",
    "Recipe",
    "TrainRecipe",
    "read_recipe",
]


class ModelRecipe(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="qwen3", tag_field="architecture"
):
    """The shape of a dense network; `recipe_deepseek2.py` has the other architecture."""

    name: str
    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int
    context_tokens: int
    rope_base: float
    norm_epsilon: float

    @property
    def matrices(self) -> Literal["Q8_0"]:
        """How the file holds them."""
        return "Q8_0"

    @property
    def description(self) -> str:
        """The shape in one line, for the card."""
        return (
            f"`qwen3` (queries and keys normalised), {self.layers} layers, width {self.width}, "
            f"{self.heads} heads ({self.kv_heads} for keys and values), MLP {self.hidden}, "
            "tied embeddings"
        )

    @property
    def head_width(self) -> int:
        """Features per attention head."""
        return self.width // self.heads


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the training, with rows of its own."""

    name: str
    until: float  # share of the training time at which it ends
    tokens: int
    shares: dict[str, float]  # of `tokens`, by family; what is left is filled with documents


class DataRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is packed, and in which shares."""

    seed: int
    tokenizer_bytes: int
    row_tokens: int
    context_tokens: int
    phases: tuple[Phase, ...]


class TrainRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights are fitted."""

    seed: int
    processes: int
    batch_rows: int
    minutes: float
    compile: bool
    learning_rate_matrices: float
    learning_rate_other: float
    momentum: float
    weight_decay: float
    warm_up_share: float
    warm_down_share: float
    prompt_weight: float
    document_weight: float
    choice_weight: float
    gradient_norm_max: float
    checkpoint_minutes: float


class EvaluationRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the frozen sets are made."""

    seed: int


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    model: ModelRecipe | Deepseek2Recipe
    data: DataRecipe
    train: TrainRecipe
    evaluation: EvaluationRecipe


def read_recipe(path: Path | None = None) -> Recipe:
    """The recipe of Spark, or another one."""
    source = path or Path(__file__).parents[1] / "recipes" / "spark.toml"
    return msgspec.toml.decode(source.read_bytes(), type=Recipe)
