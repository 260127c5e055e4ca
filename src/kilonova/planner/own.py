"""One machine of one's own, as ``kilonova calibrate`` measured it: how much it can serve, how fast.

No roofline: the times are straight lines through what was measured, played by the event loop.
"""

from collections.abc import Sequence

from msgspec import Struct

from kilonova.core.errors import InvalidRequest
from kilonova.planner.arrivals import Lengths
from kilonova.planner.cost import request_usd
from kilonova.planner.pace import Pace
from kilonova.planner.replay import Scene, Tail, replay
from kilonova.planner.tables import PriceList
from kilonova.planner.workload import Workload

__all__ = ["OwnMachine", "OwnPlan", "OwnPrice", "plan_own"]

_KNOTS = 17
_HOURS_A_DAY = 24
_LENGTHS_MAX = 8.0
_FULL = 0.95


class OwnMachine(Struct, frozen=True, kw_only=True):
    """Seconds: ``read_s`` for a token of a prompt, ``write_s`` for one written while nothing else
    runs, ``context_s`` more for each token of context, ``start_s`` for a request. One more answer
    at the same time makes a token ``slower`` by that share. ``slots`` requests run at once."""

    name: str
    date: str
    model: str
    read_s: float
    write_s: float
    context_s: float
    start_s: float
    slower: float
    slots: int
    chunk: int
    context_tokens: int

    def step_s(self, batch: int, context: float) -> float:
        """One token for each of ``batch`` answers."""
        return self.write_s * (1 + self.slower * (batch - 1)) + self.context_s * context * batch


class OwnPrice(Struct, frozen=True, kw_only=True):
    """Buying the same tokens: dollars a day, and from how many requests a second on the machine is
    cheaper; None if it never is, because it cannot serve that many."""

    price_list: str
    usd_a_day: float
    breakeven_rate: float | None


class OwnPlan(Struct, frozen=True, kw_only=True):
    """``capacity`` is the most requests a second; ``tokens_s`` are written then. Dollars are None
    where no price of an hour was given."""

    machine: OwnMachine
    workload: Workload
    capacity: float
    tokens_s: float
    utilisation: float
    tail: Tail
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
        usd_per_million=usd,
        prices=tuple(
            _price(entry, workload, usd_hour=usd_hour, capacity=capacity) for entry in lists
        ),
    )


def _capacity(machine: OwnMachine, workload: Workload) -> float:
    """Requests a second with every slot always taken: each reads while the others wait."""
    unread = workload.input_tokens - workload.cached_tokens
    context = workload.input_tokens + workload.output_tokens / 2
    read = machine.start_s + machine.read_s * unread
    written = workload.output_tokens * machine.step_s(machine.slots, context)
    return machine.slots / (machine.slots * read + written)


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
        read_more_s=0.0,
        shared=1.0,
        start_s=0.0,
        room=1.0,
        token_bytes=0.0,
        window_bytes=0.0,
        window=0.0,
        fixed_bytes=0.0,
    )
    alone = machine.start_s + machine.read_s * workload.input_tokens
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
