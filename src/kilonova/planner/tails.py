"""The busiest hour of a way to serve, played through: from a search's row to its percentiles."""

import numpy as np

from kilonova.planner.arrivals import Burst, Lengths
from kilonova.planner.columns import Columns
from kilonova.planner.constants import Constants, undisturbed
from kilonova.planner.pace import pace_of
from kilonova.planner.pools import sending_s, written_only
from kilonova.planner.replay import Desks, Scene, Tail, replay
from kilonova.planner.search import Search
from kilonova.planner.steady import running_at, start_s
from kilonova.planner.steps import prefill_s
from kilonova.planner.workload import Workload

__all__ = ["tail_of"]

_CONTEXT_SPREAD = 8.0


def tail_of(
    found: Search,
    at: int,
    workload: Workload,
    *,
    constants: Constants,
    arrivals: int,
    burst: Burst | None = None,
    is_whole: bool = True,
) -> Tail:
    """Percentiles of way ``at`` in its busiest hour, over ``arrivals`` requests; unless it
    ``is_whole``, with as many replicas out of service as there are spares."""
    columns = found.columns.take(np.array([at]))
    replicas, rates = found.fleet.replicas[at], workload.hourly_rate()
    if not is_whole:
        replicas = np.maximum(replicas - found.spares, 1)
    hour = int(np.argmax(rates / replicas))
    context = found.configurations[at].model.context_tokens
    lengths = Lengths(
        input=workload.input_tokens,
        output=workload.output_tokens,
        cache_share=workload.cache_share,
        spread=workload.spread,
        most=context,
    )
    traffic, model = workload.traffic(1), constants
    if found.is_apart(at):
        traffic, model = written_only(traffic), undisturbed(constants)
    now = running_at(
        columns,
        model,
        rate=np.array([rates[hour] / replicas[hour]]),
        traffic=traffic,
        most=found.running[[at]],
    )
    usual = workload.input_tokens + workload.output_tokens
    pace = pace_of(
        columns,
        constants,
        running=int(found.running[at]),
        context=min(context, int(usual * _CONTEXT_SPREAD) + 1),
        reads=not found.is_apart(at),
    )
    scene = Scene(
        rate=float(rates[hour]),
        replicas=int(replicas[hour]),
        running=float(now[0] * replicas[hour]),
        lengths=lengths,
        arrivals=arrivals,
        burst=burst,
        desks=_desks(
            found,
            at,
            workload,
            constants=constants,
            hour=hour,
            lost=0 if is_whole else found.spares,
        ),
    )
    return replay(pace, scene)


def _desks(
    found: Search, at: int, workload: Workload, *, constants: Constants, hour: int, lost: int
) -> Desks | None:
    """The readers but for the ``lost``: every copy of the attention reads one prompt at a time."""
    reader = found.readers.configurations[at]
    if reader is None:
        return None
    columns, copies = Columns.of([reader]), reader.layout.copies
    once, twice = (
        float(prefill_s(columns, constants, tokens=np.array([n]))[0]) * copies for n in (1.0, 2.0)
    )
    more = (twice - 2 * once) / 2
    writing = written_only(workload.traffic(1))
    columns = found.columns.take(np.array([at]))
    later = float(start_s(columns, constants)[0] + sending_s(columns, writing)[0])
    return Desks(
        count=max(1, int(found.readers.fleet.replicas[at][hour]) - lost) * copies,
        read_s=once - more,
        read_more_s=more,
        later_s=later,
    )
