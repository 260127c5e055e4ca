"""The dials of ``recipe.toml``, checked."""

from pathlib import Path

import msgspec
from msgspec import Struct

__all__ = ["BagDials", "InjectionDials", "Recipe", "read_recipe"]


class BagDials(Struct, frozen=True, forbid_unknown_fields=True):
    """One table of hashed features and how it is fitted."""

    rows: int
    width: int
    epochs: int
    rate: float
    decay: float
    feature_dropout: float
    dropout: float
    smoothing: float


class InjectionDials(Struct, frozen=True, forbid_unknown_fields=True):
    """The linear head over words and concepts; ``folds`` are those of leave-families-out."""

    rows: int
    epochs: int
    rate: float
    decay: float
    attack_weight: float
    lookalike_weight: float
    each_family: int
    each_calm: int
    ordinary: int
    false_alarms: float
    folds: int


class ScopeDials(Struct, frozen=True, forbid_unknown_fields=True):
    """How many requests that fit a label may be called out of scope."""

    false_alarms: float


class Recipe(Struct, frozen=True, forbid_unknown_fields=True):
    """All of it."""

    seed: int
    letters: BagDials
    requests: BagDials
    injection: InjectionDials
    scope: ScopeDials


def read_recipe() -> Recipe:
    """The recipe beside this file."""
    text = Path(__file__).with_name("recipe.toml").read_bytes()
    return msgspec.toml.decode(text, type=Recipe)
