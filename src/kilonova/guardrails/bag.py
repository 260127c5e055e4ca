"""A bag of hashed features under one thin layer: the shape of the language and intent heads.

Rows of a quantised table are summed, scaled by the root of their number, shifted and cut at zero; a
linear layer per task turns that into probabilities.
"""

import numpy as np
from numpy.typing import NDArray

from kilonova.guardrails.features import Hashes
from kilonova.guardrails.scan import Guess
from kilonova.guardrails.weights import Tensors, WeightsError

__all__ = ["Bag", "Task", "rows_of"]


def rows_of(hashes: Hashes, rows: int) -> NDArray[np.intp]:
    """The rows of a table, a power of two long, that these features stand for."""
    return (hashes >> np.uint64(65 - rows.bit_length())).astype(np.intp)


class Bag:
    """``name`` is what its arrays are called in the file, before the dot."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        self._table = tensors.bytes(f"{name}.table")
        self._scale = float(tensors.floats(f"{name}.scale")[0])
        self._shift = tensors.floats(f"{name}.shift")
        rows, width = self._table.shape
        if rows & (rows - 1) or self._shift.shape != (width,):
            raise WeightsError(f"the table {name!r} of the weights has an odd shape")

    def read(self, hashes: Hashes) -> NDArray[np.float32]:
        """What a text amounts to, for the tasks."""
        rows = self._table.take(rows_of(hashes, len(self._table)), axis=0).astype(np.float32)
        total = np.ones(len(rows), dtype=np.float32) @ rows
        scaled = total * np.float32(self._scale / max(1, len(rows)) ** 0.5)
        reading: NDArray[np.float32] = (scaled + self._shift).clip(min=0)
        return reading


class Task:
    """One set of labels over a bag."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        self.labels = tuple(tensors.text(f"{name}.labels").split())
        self._weights = tensors.floats(f"{name}.weights")
        self._shift = tensors.floats(f"{name}.shift")
        if len(self._weights) != len(self.labels) or len(self._shift) != len(self.labels):
            raise WeightsError(f"the task {name!r} has not one weight row for each label")

    def guess(self, reading: NDArray[np.float32]) -> Guess:
        """Probabilities that add up to one."""
        logits = self._weights @ reading + self._shift
        powers = np.exp(logits - logits.max())
        probabilities = tuple((powers / powers.sum()).tolist())
        best = int(logits.argmax())
        return Guess(self.labels[best], probabilities[best], probabilities)
