"""The dials of a run, read from `recipe.toml` into a frozen tree; an unknown key is an error."""

from pathlib import Path

import msgspec

__all__ = ["DataRecipe", "EvaluationRecipe", "ModelRecipe", "Recipe", "TrainRecipe", "read_recipe"]


class ModelRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of the network."""

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
    def head_width(self) -> int:
        """Features per attention head."""
        return self.width // self.heads


class DataRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is packed, and in which shares."""

    seed: int
    tokens: int
    tokenizer_bytes: int
    conversation_tokens_max: int
    long_share: float
    document_tokens_min: int
    document_tokens_max: int
    shares: dict[str, float]


class TrainRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights are fitted."""

    seed: int
    processes: int
    batch_tokens: int
    minutes: float
    learning_rate_matrices: float
    learning_rate_other: float
    momentum: float
    weight_decay: float
    warm_up_share: float
    warm_down_share: float
    short_only_share: float
    short_tokens_max: int
    focus_share: float
    focus_tokens_max: int
    prompt_weight: float
    document_weight: float
    gradient_norm_max: float
    checkpoint_minutes: float


class EvaluationRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the shipped file is measured."""

    seed: int
    items: int
    threads: int


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    model: ModelRecipe
    data: DataRecipe
    train: TrainRecipe
    evaluation: EvaluationRecipe


def read_recipe(path: Path | None = None) -> Recipe:
    """The recipe beside this module, or another one."""
    source = path or Path(__file__).with_name("recipe.toml")
    return msgspec.toml.decode(source.read_bytes(), type=Recipe)
