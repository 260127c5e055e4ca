"""Takes rows in a seeded order, each phase at its time; what was taken is one number to save."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from structure.recipe import Phase, TrainRecipe
from structure.rows import Part, Rows, sees

__all__ = ["Batch", "Batches", "lottery", "phase_at"]


def phase_at(phases: Sequence[Phase], progress: float) -> Phase:
    """The phase of a moment; `progress` runs from 0 to 1."""
    for phase in phases:
        if progress < phase.until:
            return phase
    return phases[-1]


class Batch(msgspec.Struct, frozen=True):
    """Inputs and targets of shape (rows, length), what each target is, and who sees whom."""

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    parts: NDArray[np.uint8]
    positions: NDArray[np.int64]
    mask: NDArray[np.bool_]


class Batches:
    """The rows of all phases, read when their time comes."""

    def __init__(self, load: Callable[[str], Rows], recipe: TrainRecipe) -> None:
        self._load = load
        self._rows: dict[str, Rows] = {}
        self._seed = recipe.seed
        self._count = recipe.batch_rows
        self._orders: dict[str, tuple[int, NDArray[np.int64]]] = {}

    def draw(self, phase: str, taken: int, *, rank: int, processes: int) -> Batch:
        """The batch of one process; `taken` counts the earlier batches of this phase."""
        rows = self._of(phase)
        first = (taken * processes + rank) * self._count
        chosen = [self._row(phase, first + number) for number in range(self._count)]
        tokens = rows.tokens[chosen].astype(np.int64)
        # The last column is only a target, the first only an input.
        return Batch(
            tokens[:, :-1],
            tokens[:, 1:],
            rows.parts[chosen][:, 1:],
            rows.positions[chosen][:, :-1].astype(np.int64),
            sees(rows.sample[chosen][:, :-1], rows.branch[chosen][:, :-1]),
        )

    def _of(self, phase: str) -> Rows:
        """The rows of a phase; those of the phase before are dropped."""
        if phase not in self._rows:
            self._rows = {phase: self._load(phase)}
        return self._rows[phase]

    def _row(self, phase: str, number: int) -> int:
        """Row `number` of an endless sequence of shuffles."""
        count = len(self._rows[phase].tokens)
        turn, position = divmod(number, count)
        if self._orders.get(phase, (-1,))[0] != turn:
            order = np.random.default_rng((self._seed, count, turn)).permutation(count)
            self._orders[phase] = (turn, order)
        return int(self._orders[phase][1][position])


def lottery(
    parts: NDArray[np.uint8], shares: Mapping[Part, float], *, seed: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Which targets count in this step: a part of share 0.1 counts in one step of ten."""
    table = np.array([shares.get(part, 0.0) for part in Part])
    drawn: NDArray[np.bool_] = np.random.default_rng(seed).random(parts.shape) < table[parts]
    return drawn
