"""Who was at work on which resource, and for how much of its time.

A resource that is busy is busy for all requests at work together. Its time is shared by weight, in
virtual time: while W is the sum of the weights at work, dt of real time is dt/W of virtual time,
and a request of weight w that stays for ΔV has taken w·ΔV. All shares of a resource add up to the
time in which it had any work, but for what is rounded down, and never to more than the clock.
Begin, write and end cost the same however many are at work, and nothing is done per token.
"""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from kilonova.core.model import Model
from kilonova.core.ports import Work
from kilonova.core.usage import Cost, Usage

__all__ = ["Place", "Share", "SharedTime", "Tariff", "Weights", "Works"]

# Virtual time in fixed point: a share loses less than a nanosecond in a million years.
_POINT = 64
_UW_NS_PER_UJ = 1_000_000_000


class Weights(Struct, frozen=True, kw_only=True):
    """What an engine step takes for one request, in picoseconds: ``read`` for each token of the
    prompt in it, at most ``step_tokens``; ``write`` and, for each token of context, ``context`` for
    a token of the answer. Only their ratios matter, as long as one machine measured all of them.

    Without a calibration a token written weighs as five tokens read."""

    read: int = 100_000_000
    write: int = 500_000_000
    context: int = 0
    step_tokens: int = 512


_WEIGHTS = Weights()


class SharedTime:
    """The time of one resource. ``dynamic_uw`` is what it draws beyond idling while it works, in
    microwatts; ``busy_ns`` is the time in which it had work, and ``weight`` of how much.

    ``virtual`` and ``energy`` (virtual time × power) are in fixed point, as of ``settle``, which
    comes before any change of weight or power.
    """

    __slots__ = (
        "_now_ns",
        "_settled_ns",
        "busy_ns",
        "dynamic_uw",
        "energy",
        "virtual",
        "weight",
    )

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._settled_ns = now_ns()
        self.virtual = self.energy = self.weight = 0
        self.busy_ns = self.dynamic_uw = 0

    def settle(self) -> None:
        """Shares out the time since the last call."""
        now_ns = self._now_ns()
        elapsed_ns = now_ns - self._settled_ns
        self._settled_ns = now_ns
        # A clock that steps back gives nothing, and takes nothing away.
        if self.weight and elapsed_ns > 0:
            step = (elapsed_ns << _POINT) // self.weight
            self.virtual += step
            self.energy += step * self.dynamic_uw
            self.busy_ns += elapsed_ns


class Share(Struct, frozen=True):
    """What one request took of a resource, and what it was for."""

    model: Model
    usage: Usage
    busy_ns: int
    energy_uj: int


class Tariff(Protocol):
    """What work on a resource costs. Whatever happens it answers: a permit is being settled."""

    def cost(self, share: Share, /) -> Cost: ...


class Place(Struct, frozen=True):
    """Where requests work: the time of a resource, and what it costs."""

    shared: SharedTime
    tariff: Tariff


class _Task:
    """Implements ``core.ports.Work``. Its weight is 0 while it is not at work."""

    __slots__ = (
        "_busy", "_energy", "_energy_before", "_model", "_place", "_reading", "_shared",
        "_virtual_before", "_weight", "_writing",
    )  # fmt: skip

    def __init__(self, place: Place, model: Model, *, reading: int, writing: int) -> None:
        self._place = place
        self._shared = place.shared
        self._model = model
        self._reading = reading
        self._writing = writing
        self._weight = self._busy = self._energy = 0
        self._virtual_before = self._energy_before = 0

    def begin(self) -> None:
        self._turn_to(self._reading)

    def write(self) -> None:
        self._turn_to(self._writing)

    def end(self, usage: Usage) -> Cost:
        self._turn_to(0)
        energy_uj = (self._energy >> _POINT) // _UW_NS_PER_UJ
        share = Share(self._model, usage, self._busy >> _POINT, energy_uj)
        return self._place.tariff.cost(share)

    def _turn_to(self, weight: int) -> None:
        shared, before = self._shared, self._weight
        shared.settle()
        if before:
            self._busy += before * (shared.virtual - self._virtual_before)
            self._energy += before * (shared.energy - self._energy_before)
        shared.weight += weight - before
        self._weight = weight
        self._virtual_before, self._energy_before = shared.virtual, shared.energy


class Works:
    """Implements ``core.ports.CostMeter``. ``places`` are by engine, ``weights`` by model id.

    What runs on an engine without a place has no known cost."""

    def __init__(self, places: Mapping[str, Place], weights: Mapping[str, Weights]) -> None:
        self._places = places
        self._weights = weights
        self._nowhere = Place(SharedTime(), _Unknown())

    def open(self, model: Model, *, input_tokens: int, choices: int = 1) -> Work:
        """Each choice reads the prompt and writes an answer of its own."""
        place = self._places.get(model.engine, self._nowhere)
        weights = self._weights.get(model.id, _WEIGHTS)
        in_step = min(weights.step_tokens, input_tokens)
        reading = weights.read * (in_step or 1)
        writing = weights.write + weights.context * input_tokens
        return _Task(place, model, reading=reading * choices, writing=writing * choices)


class _Unknown:
    """The tariff of nowhere."""

    def cost(self, _share: Share, /) -> Cost:
        return Cost()
