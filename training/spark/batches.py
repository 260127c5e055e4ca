"""Draws batches of samples of similar length, in an order fixed by seed, rank and step."""

import enum

import msgspec
import numpy as np
from numpy.typing import NDArray

from spark.dataset import Packed
from spark.recipe import TrainRecipe

__all__ = ["Batch", "Batches", "Stage", "stage_at"]


class Stage(enum.Enum):
    """Which samples a part of the training sees."""

    SHORT = "short"
    EVERYTHING = "everything"
    FOCUS = "focus"


def stage_at(recipe: TrainRecipe, progress: float) -> Stage:
    """Short samples first, conversations of middling length last."""
    if progress < recipe.short_only_share:
        return Stage.SHORT
    return Stage.FOCUS if progress > 1 - recipe.focus_share else Stage.EVERYTHING


_SHORTEST_SHARE = 0.85  # of the longest sample in a batch: about 7 % padding


class Batch(msgspec.Struct, frozen=True):
    """Padded inputs, targets and the weight of each target; padding weighs nothing."""

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]


class Batches:
    """A sampler over the packed set."""

    def __init__(self, packed: Packed, recipe: TrainRecipe) -> None:
        self._packed = packed
        self._tokens = recipe.batch_tokens
        self._prompt_weight = recipe.prompt_weight
        self._document_weight = recipe.document_weight
        self._seed = recipe.seed
        self._lengths = np.diff(packed.starts)
        order = np.argsort(self._lengths, kind="stable")
        self._orders = {
            Stage.SHORT: order[self._lengths[order] <= recipe.short_tokens_max],
            Stage.EVERYTHING: order,
            Stage.FOCUS: order[
                ~packed.is_document[order] & (self._lengths[order] <= recipe.focus_tokens_max)
            ],
        }

    def draw(self, step: int, *, rank: int, stage: Stage) -> Batch:
        """The batch of one step and process: samples nearly as long as a random one.

        All processes draw from the same window, so that none waits for another's longer batch.
        """
        order = self._orders[stage]
        # Windows are chosen by a random token, not a random sample, so every token is equally
        # likely to be seen although long windows hold fewer samples.
        cumulative = np.cumsum(self._lengths[order])
        token = np.random.default_rng((self._seed, step)).integers(cumulative[-1])
        last = int(np.searchsorted(cumulative, token))
        longest = int(self._lengths[order[last]])
        first = int(np.searchsorted(self._lengths[order], longest * _SHORTEST_SHARE))
        window = order[first : last + 1]
        count = min(max(1, self._tokens // longest), len(window))
        random = np.random.default_rng((self._seed, step, rank))
        return self._pad(random.choice(window, size=count, replace=False))

    def _pad(self, samples: NDArray[np.int64]) -> Batch:
        longest = int(self._lengths[samples].max())
        ids = np.zeros((len(samples), longest), dtype=np.int64)
        weights = np.zeros((len(samples), longest), dtype=np.float32)
        for row, sample in enumerate(samples):
            start, end = self._packed.starts[sample], self._packed.starts[sample + 1]
            ids[row, : end - start] = self._packed.tokens[start:end]
            is_answer = self._packed.is_answer[start:end]
            full = self._document_weight if self._packed.is_document[sample] else 1.0
            weights[row, : end - start] = np.where(is_answer, full, self._prompt_weight)
        return Batch(ids[:, :-1], ids[:, 1:], weights[:, 1:])
