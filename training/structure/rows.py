"""Lays samples into rows of one length: every row is full, and no token is read twice.

A row holds several samples that do not see each other. A sample is an opening (system text and
tools) with one or more branches that continue it and see the opening but not each other: the
costly tool list is computed once for many requests. Each branch starts at the position that
follows the opening, as it does when served, or now and then further away, so that far positions
are trained without long rows (positional skip-wise training, arXiv:2309.10400).
"""

import enum
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from structure.generators.draw import Draw

__all__ = ["Part", "Piece", "RowWriter", "Rows", "Sample", "sees"]

_OPEN_ROWS = 2000  # rows that wait for a sample of just their size
_LEAST_FILLING = 24  # a shorter rest of a row stays empty
_SKIP_CHANCE = 0.2


class Part(enum.IntEnum):
    """What a token is to the loss."""

    NOTHING = 0  # padding, or a token without its predecessor
    PROMPT = 1
    DOCUMENT = 2
    ANSWER = 3
    CHOICE = 4  # where an answer decides: call or not, which tool, where a value begins


class Piece(msgspec.Struct, frozen=True):
    """Token ids with what each is to the loss, of equal length."""

    ids: Sequence[int]
    parts: Sequence[int]


class Sample(msgspec.Struct, frozen=True):
    """An opening, perhaps empty, and its branches."""

    opening: Piece
    branches: Sequence[Piece]


class Rows(msgspec.Struct, frozen=True):
    """Arrays of shape (rows, length); `sample` numbers the samples of a row, `branch` the branches.

    Branch 0 is the opening; the sample number of padding is zero, others count from one.
    """

    tokens: NDArray[np.uint16]
    parts: NDArray[np.uint8]
    positions: NDArray[np.uint16]
    sample: NDArray[np.uint8]
    branch: NDArray[np.uint8]


def sees(sample: NDArray[np.uint8], branch: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(rows, 1, length, length): whether a token attends to an earlier one."""
    length = sample.shape[1]
    same = sample[:, :, None] == sample[:, None, :]
    on_path = (branch[:, None, :] == 0) | (branch[:, :, None] == branch[:, None, :])
    allowed = same & on_path & np.tri(length, dtype=np.bool_)
    result: NDArray[np.bool_] = allowed[:, None]
    return result


class _Row:
    """One row while it fills."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.samples = 0
        self.columns: dict[str, list[int]] = {name: [] for name in Rows.__struct_fields__}

    @property
    def left(self) -> int:
        return self.length - len(self.columns["tokens"])

    def _put(self, piece: Piece, *, start: int, branch: int) -> None:
        size = len(piece.ids)
        if not size:
            return
        self.columns["tokens"] += piece.ids
        self.columns["parts"] += [Part.NOTHING, *piece.parts[1:]]
        self.columns["positions"] += range(start, start + size)
        self.columns["sample"] += [self.samples] * size
        self.columns["branch"] += [branch] * size

    def put(self, sample: Sample, skips: Sequence[int]) -> None:
        """Add a sample that fits; each branch starts its skip after the opening."""
        self.samples += 1
        self._put(sample.opening, start=0, branch=0)
        after = len(sample.opening.ids)
        for number, (branch, skip) in enumerate(zip(sample.branches, skips, strict=True)):
            self._put(branch, start=after + skip, branch=number + 1)

    def padded(self, name: str) -> list[int]:
        """One column at full length."""
        return self.columns[name] + [0] * self.left


def _size(sample: Sample) -> int:
    return len(sample.opening.ids) + sum(len(branch.ids) for branch in sample.branches)


def _cut(sample: Sample, length: int) -> list[Sample]:
    """The sample in portions that fit a row; the opening is repeated, what never fits is left."""
    opening = len(sample.opening.ids)
    portions: list[list[Piece]] = [[]]
    used = opening
    for branch in sample.branches:
        size = len(branch.ids)
        if opening + size > length:
            continue
        if used + size > length:
            portions.append([])
            used = opening
        portions[-1].append(branch)
        used += size
    return [Sample(sample.opening, portion) for portion in portions if portion]


class RowWriter:
    """Collects samples into rows; texts that may be cut anywhere fill what stays free."""

    def __init__(self, draw: Draw, *, length: int, context_tokens: int) -> None:
        self._draw, self._length, self._context = draw, length, context_tokens
        self._open: list[list[_Row]] = [[] for _ in range(length + 1)]  # by what is left in them
        self._opened = 0
        self._closed: list[_Row] = []

    @property
    def tokens(self) -> int:
        """Room in all rows so far."""
        return self._length * (self._opened + len(self._closed))

    def _skip(self, sample: Sample, branch: Piece) -> int:
        if not sample.opening.ids or not self._draw.chance(_SKIP_CHANCE):
            return 0
        room = self._context - len(sample.opening.ids) - len(branch.ids)
        return self._draw.whole(0, max(room, 0))

    def add(self, sample: Sample) -> None:
        """Put the sample where it leaves least room, or into a new row."""
        for portion in _cut(sample, self._length):
            row = self._taken(_size(portion)) or _Row(self._length)
            row.put(portion, [self._skip(portion, branch) for branch in portion.branches])
            if row.left < _LEAST_FILLING:
                self._closed.append(row)
                continue
            self._open[row.left].append(row)
            self._opened += 1
            if self._opened > _OPEN_ROWS and (fullest := self._taken(0)) is not None:
                self._closed.append(fullest)

    def _taken(self, size: int) -> _Row | None:
        """The open row that would be left fullest, taken out; None where none has room."""
        for rows in self._open[size:]:
            if rows:
                self._opened -= 1
                return rows.pop()
        return None

    def fill(self, text: Piece) -> None:
        """Spread a text over the free ends of closed rows and new rows, in pieces."""
        empty = Piece((), ())
        start = 0
        while len(text.ids) - start >= _LEAST_FILLING:
            row = self._with_room()
            end = start + row.left
            piece = Piece(text.ids[start:end], text.parts[start:end])
            row.put(Sample(empty, (piece,)), (0,))
            start = end
            if row.left >= _LEAST_FILLING:
                self._unfilled.append(row)

    def _with_room(self) -> _Row:
        while self._unfilled:
            row = self._unfilled.pop()
            if row.left >= _LEAST_FILLING:
                return row
        fresh = _Row(self._length)
        self._closed.append(fresh)
        return fresh

    def finish(self) -> None:
        """No more samples; `fill` may follow."""
        self._closed += [row for rows in self._open for row in rows]
        self._open = [[] for _ in self._open]
        self._opened = 0
        self._unfilled = [row for row in self._closed if row.left >= _LEAST_FILLING]

    @property
    def free(self) -> int:
        """Tokens that `fill` can still place in started rows."""
        return sum(row.left for row in self._unfilled)

    def rows(self) -> Rows:
        """Everything, in the order of a seeded shuffle."""
        order = self._draw.some(self._closed, len(self._closed))
        kinds = {"tokens": np.uint16, "positions": np.uint16}
        return Rows(
            **{
                name: np.array([row.padded(name) for row in order], dtype=kinds.get(name, np.uint8))
                for name in Rows.__struct_fields__
            }
        )
