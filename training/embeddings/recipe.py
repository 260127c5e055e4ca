"""The dials, read from ``recipe.toml``."""

from pathlib import Path

import msgspec
from msgspec import Struct

__all__ = ["Fit", "Recipe", "Split", "Vocabulary", "load_recipe"]


class Split(Struct, frozen=True):
    tldr_of: int
    documents_of: int


class Vocabulary(Struct, frozen=True):
    pieces: int
    documents_one_in: int


class Fit(Struct, frozen=True):
    dimensions: int
    nested: tuple[int, ...]
    batch: int
    group: int
    steps: int
    learning_rate: float
    temperature: float
    query_pieces: int
    passage_pieces: int


class Recipe(Struct, frozen=True):
    seed: int
    split: Split
    vocabulary: Vocabulary
    fit: Fit


def load_recipe() -> Recipe:
    """The committed recipe."""
    path = Path(__file__).with_name("recipe.toml")
    return msgspec.toml.decode(path.read_bytes(), type=Recipe)
