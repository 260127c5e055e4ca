"""One machine of one's own, as ``kilonova calibrate`` measured it: how much it can serve, how fast.

No roofline: the times are straight lines through what was measured, played by the event loop.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.errors import InvalidRequest
from kilonova.planner.arrivals import Lengths
from kilonova.planner.cost import request_usd
from kilonova.planner.pace import Pace
from kilonova.planner.replay import Scene, Tail, replay
from kilonova.planner.tables import PriceList
from kilonova.planner.workload import Workload

__all__ = ["OwnMachine", "OwnPace", "OwnPlan", "OwnPrice", "plan_own"]

_KNOTS = 17
_HOURS_A_DAY = 24
_LENGTHS_MAX = 8.0
_FULL = 0.95


class OwnMachine(Struct, frozen=True, kw_only=True):
    """Seconds: ``read_s`` for a token of a prompt and ``read_more_s`` times its square for the
    prompt, ``steps_s[i]`` for a token each of ``beside[i]`` answers, ``context_s`` more for each
    token of context of each of them, ``start_s`` for a request. ``slots`` requests run at once, and
    ``chunk`` tokens of prompts are read between two tokens of the others. ``off`` is how far
    measurements were off these lines, as a share."""

    name: str
    date: str
    model: str
    read_s: float
    read_more_s: float
    beside: tuple[int, ...]
    steps_s: tuple[float, ...]
    context_s: float
    start_s: float
    slots: int
    chunk: int
    context_tokens: int
    off: float

    def step_s(self, batch: int, context: float) -> float:
        """One token for each of ``batch`` answers."""
        step = float(np.interp(batch, self.beside, self.steps_s))
        return step + self.context_s * context * batch

    def reading_s(self, workload: Workload) -> float:
        """A prompt of the workload, without what is cached."""
        whole, cached = workload.input_tokens, workload.cached_tokens
        unread = self.read_s * (whole - cached) + self.read_more_s * (whole**2 - cached**2)
        return self.start_s + unread


class OwnPrice(Struct, frozen=True, kw_only=True):
    """Buying the same tokens: dollars a day, and from how many requests a second on the machine is
    cheaper; None if it never is, because it cannot serve that many."""

    price_list: str
    usd_a_day: float
    breakeven_rate: float | None


class OwnPace(Struct, frozen=True, kw_only=True):
    """The most requests a second of a machine, and latencies at the rate that was asked for."""

    capacity: float
    tail: Tail


class OwnPlan(Struct, frozen=True, kw_only=True):
    """``capacity`` is the most requests a second; ``tokens_s`` are written then. ``slow`` and
    ``fast`` are of the machine with every time as much longer and shorter as measurements differed:
    eight of ten load tests should come out between them. Dollars are None where no price of an
    hour was given."""

    machine: OwnMachine
    workload: Workload
    capacity: float
    tokens_s: float
    utilisation: float
    tail: Tail
    slow: OwnPace
    fast: OwnPace
    usd_per_million: float | None
    prices: tuple[OwnPrice, ...]


def plan_own(
    machine: OwnMachine,
    workload: Workload,
    *,
    usd_hour: float | None,
    lists: Sequence[PriceList],
    arrivals: int = 2_000,
) -> OwnPlan:
    """Raises InvalidRequest: ``impossible_workload``, or ``too_few_chips`` with what can be
    served."""
    workload.check_within(machine.context_tokens, name=machine.model)
    capacity = _capacity(machine, workload)
    busiest = float(workload.hourly_rate().max())
    if busiest > capacity * _FULL:
        raise InvalidRequest(
            f"{machine.name} cannot serve {busiest:g} requests/s of these lengths: at most "
            f"{capacity * _FULL:.3g}. Lower the rate, or plan rented machines.",
            param="rate",
            reason="too_few_chips",
        )
    tokens = workload.input_tokens + workload.output_tokens
    usd = None
    if usd_hour is not None:
        usd = usd_hour * _HOURS_A_DAY / (workload.requests_a_day * tokens) * 1e6
    return OwnPlan(
        machine=machine,
        workload=workload,
        capacity=capacity,
        tokens_s=capacity * workload.output_tokens,
        utilisation=workload.rate / capacity,
        tail=_tail(machine, workload, busiest, arrivals=arrivals),
        slow=_pace(_times(machine, 1 + machine.off), workload, busiest, arrivals=arrivals),
        fast=_pace(_times(machine, 1 / (1 + machine.off)), workload, busiest, arrivals=arrivals),
        usd_per_million=usd,
        prices=tuple(
            _price(entry, workload, usd_hour=usd_hour, capacity=capacity) for entry in lists
        ),
    )


def _times(machine: OwnMachine, factor: float) -> OwnMachine:
    """The same machine with every time ``factor`` times as long."""
    return replace(
        machine,
        read_s=machine.read_s * factor,
        read_more_s=machine.read_more_s * factor,
        steps_s=tuple(step * factor for step in machine.steps_s),
        context_s=machine.context_s * factor,
        start_s=machine.start_s * factor,
    )


def _pace(machine: OwnMachine, workload: Workload, rate: float, *, arrivals: int) -> OwnPace:
    tail = _tail(machine, workload, rate, arrivals=arrivals)
    return OwnPace(capacity=_capacity(machine, workload), tail=tail)


def _capacity(machine: OwnMachine, workload: Workload) -> float:
    """Requests a second with every slot always taken: each reads while the others wait."""
    context = workload.input_tokens + workload.output_tokens / 2
    written = workload.output_tokens * machine.step_s(machine.slots, context)
    return machine.slots / (machine.slots * machine.reading_s(workload) + written)


def _tail(machine: OwnMachine, workload: Workload, rate: float, *, arrivals: int) -> Tail:
    most = machine.context_tokens
    contexts = [most * at / (_KNOTS - 1) for at in range(_KNOTS)]
    batches = range(1, max(machine.slots, 2) + 1)
    pace = Pace(
        chunk=machine.chunk,
        batches=[float(batch) for batch in batches],
        steps=[[machine.step_s(batch, context) for context in contexts] for batch in batches],
        knot=contexts[1],
        running=machine.slots,
        prompt_s=machine.start_s,
        read_s=machine.read_s,
        read_more_s=machine.read_more_s,
        shared=1.0,
        start_s=0.0,
        room=1.0,
        token_bytes=0.0,
        window_bytes=0.0,
        window=0.0,
        fixed_bytes=0.0,
    )
    alone = machine.reading_s(workload)
    alone += workload.output_tokens * machine.step_s(1, workload.input_tokens)
    lengths = Lengths(
        input=workload.input_tokens,
        output=workload.output_tokens,
        cache_share=workload.cache_share,
        spread=workload.spread,
        most=most,
    )
    running = min(rate * alone, machine.slots)
    return replay(
        pace,
        Scene(rate=rate, replicas=1, running=running, lengths=lengths, arrivals=arrivals),
    )


def _price(
    entry: PriceList, workload: Workload, *, usd_hour: float | None, capacity: float
) -> OwnPrice:
    each = request_usd(entry, workload)
    meets = None
    if usd_hour is not None and usd_hour / 3600 / each <= capacity * _FULL:
        meets = usd_hour / 3600 / each
    return OwnPrice(
        price_list=entry.name, usd_a_day=each * workload.requests_a_day, breakeven_rate=meets
    )
