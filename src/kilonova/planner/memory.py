"""How many requests fit at once: the memory that weights leave, by what a sequence keeps."""

import numpy as np

from kilonova.planner.columns import Array, Columns
from kilonova.planner.steps import cache_bytes

__all__ = ["USABLE", "resident_bytes", "running_max"]

# Engines leave a tenth to the runtime and to what a step needs in passing (vLLM's own default).
USABLE = 0.9


def resident_bytes(columns: Columns) -> Array:
    """Weights on one chip, in bytes, (n,): attention split over ``tensor``, experts over all."""
    experts = columns.expert_bytes * columns.experts / columns.chips
    return columns.dense_bytes / columns.tensor + columns.embedding_bytes / columns.tensor + experts


def running_max(columns: Columns, *, context: Array) -> Array:
    """Sequences of ``context`` tokens that fit into a replica, (n,); 0 if the model does not."""
    free = columns.memory_bytes * USABLE - resident_bytes(columns)
    kept = cache_bytes(columns, context) / columns.cache_shards
    return np.floor(np.maximum(free, 0.0) / kept) * columns.copies
