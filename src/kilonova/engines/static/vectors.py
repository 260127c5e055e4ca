"""The weights of static vectors, and the one sum that a text amounts to.

A piece has a vector of signed bytes and a weight. A row is spread over the lanes of one large
integer, so that Python's own multiplication and addition work on all dimensions at once. That is
exact: nothing depends on the order of the words, the batch or the machine.
"""

import math
import struct
from collections import Counter
from collections.abc import Sequence

__all__ = ["TOKENS_MAX", "WEIGHT_MAX", "Vectors"]

WEIGHT_MAX = (1 << 16) - 1
# A lane holds the sum of so many of the largest products of weight and byte.
TOKENS_MAX = 1 << 16
_LANE_BYTES = 5
_WORD_BYTES = 8
_OFFSET = 128  # rows are kept unsigned: a lane must never borrow from its neighbour


class Vectors:
    """``rows`` holds ``dimensions`` bytes a piece, each 128 too large; ``weights`` one number."""

    def __init__(self, rows: bytes, weights: Sequence[int], *, unit: float) -> None:
        """``unit`` is what one step of a weighted byte is worth where length matters."""
        self.dimensions = len(rows) // len(weights)
        self._rows = rows
        self._weights = weights
        self._unit = unit

    def embed(
        self, pieces: Sequence[int], dimensions: int, *, is_normalised: bool
    ) -> tuple[float, ...]:
        """The weighted mean of the pieces' vectors, cut to ``dimensions``, then of length 1."""
        assert 0 < len(pieces) <= TOKENS_MAX, "the engine's context is smaller"
        sums = self._sums(pieces)[:dimensions]
        if not is_normalised:
            scale = self._unit / len(pieces)
        elif any(sums):
            scale = 1.0 / math.sqrt(sum([value * value for value in sums]))
        else:
            return (1.0, *(0.0,) * (dimensions - 1))
        return tuple([value * scale for value in sums])

    def _sums(self, pieces: Sequence[int]) -> list[int]:
        size = self.dimensions
        rows, weights = self._rows, self._weights
        lanes = bytearray(size * _LANE_BYTES)
        total, total_weight = 0, 0
        for piece, count in Counter(pieces).items():
            weight = weights[piece] * count
            lanes[::_LANE_BYTES] = rows[piece * size : (piece + 1) * size]
            total += int.from_bytes(lanes, "little") * weight
            total_weight += weight
        added = total.to_bytes(size * _LANE_BYTES, "little")
        words = bytearray(size * _WORD_BYTES)
        for byte in range(_LANE_BYTES):
            words[byte::_WORD_BYTES] = added[byte::_LANE_BYTES]
        offset = _OFFSET * total_weight
        return [value - offset for value in struct.unpack(f"<{size}Q", words)]
