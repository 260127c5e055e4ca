"""A busiest hour played through, request by request: percentiles, and what a burst does.

Formulas give means of a load that never changes; here requests come by chance, differ in length,
wait for each other and for memory. A dispatcher deals them to the replica with the fewest.
"""

import math
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

import numpy as np
from msgspec import Struct

from kilonova.planner.arrivals import Burst, Crowd, Lengths, crowd
from kilonova.planner.columns import Array
from kilonova.planner.pace import Pace
from kilonova.planner.replica import Replica, Visit

__all__ = ["Desks", "Percentiles", "Scene", "Tail", "replay"]

_REPLICAS = 8  # of a fleet that are played; more make the same picture
_VISITS = 20_000
_PERCENTILES = (50, 95, 99)


class Percentiles(Struct, frozen=True, kw_only=True):
    """Milliseconds that half, 95 of 100 and 99 of 100 requests stay within."""

    p50: float
    p95: float
    p99: float


class Tail(Struct, frozen=True, kw_only=True):
    """Latencies of ``requests`` requests that came by chance.

    ``token_ms`` is each request's own mean time per token after the first; ``mean_first_ms`` and
    ``mean_token_ms`` are means over requests. ``overload_s`` is for how long, after a burst, first
    tokens came later than 99 of 100 did before it; 0 without one.
    """

    requests: int
    replicas: int
    first_token_ms: Percentiles
    token_ms: Percentiles
    request_ms: Percentiles
    mean_first_ms: float
    mean_token_ms: float
    overload_s: float = 0.0


class Desks(Struct, frozen=True, kw_only=True):
    """Machines that only read: ``count`` prompts at a time, first come first served. A prompt of t
    tokens takes ``read_s * t + read_more_s * t**2``; ``later_s`` more pass until it is written."""

    count: int
    read_s: float
    read_more_s: float
    later_s: float


class Scene(Struct, frozen=True, kw_only=True):
    """``rate`` requests a second over ``replicas`` replicas, in which ``running`` are on average at
    any time, in all; ``arrivals`` of them are looked at."""

    rate: float
    replicas: int
    running: float
    lengths: Lengths
    arrivals: int
    seed: int = 1
    burst: Burst | None = None
    desks: Desks | None = None


def replay(pace: Pace, scene: Scene) -> Tail:
    """Plays the scene through. The same scene gives the same answer."""
    played = max(1, min(scene.replicas, _REPLICAS, round(_VISITS / 8 / pace.running)))
    share = played / scene.replicas
    rate, inside = scene.rate * share, scene.running * share
    random = np.random.default_rng(scene.seed)
    # Those behind the ones that are looked at keep the load up until these are done.
    count = scene.arrivals + min(_VISITS, math.ceil(3 * inside))
    came = crowd(random, count, rate=rate, lengths=scene.lengths, burst=scene.burst)
    fleet = [Replica(pace) for _ in range(played)]
    for at, visit in enumerate(_under_way(random, came, count=round(inside))):
        # Whole tokens written before the clock began; there is at least one to come.
        fleet[at % played].resume(visit, written=int(random.integers(0, visit.output)))
    visits = list(_visits(came))
    _play(fleet, _ready(visits, scene, pace=pace, share=share), visits)
    return _tail(visits[: scene.arrivals], scene, played=played)


def _ready(
    visits: Sequence[Visit], scene: Scene, *, pace: Pace, share: float
) -> list[tuple[float, int]]:
    """When each visit, by its number, is ready for a replica that writes."""
    desks = scene.desks
    if desks is None:
        own = max(0.0, 1 - pace.shared)
        return [
            (visit.at_s + pace.start_s + pace.reading_s(0, visit.unread) * own, at)
            for at, visit in enumerate(visits)
        ]
    free, ready = [0.0] * max(1, round(desks.count * share)), []
    for at, visit in enumerate(visits):
        read = desks.read_s * visit.unread + desks.read_more_s * visit.unread**2
        done = max(visit.at_s, heappop(free)) + read
        heappush(free, done)
        ready.append((done + desks.later_s, at))
    return ready


def _visits(came: Crowd) -> Iterator[Visit]:
    rows = zip(
        came.at_s.tolist(),
        came.input.tolist(),
        came.unread.tolist(),
        came.output.tolist(),
        strict=True,
    )
    for at_s, read, unread, output in rows:
        yield Visit(at_s=at_s, input=read, unread=unread, output=output)


def _under_way(random: np.random.Generator, came: Crowd, *, count: int) -> list[Visit]:
    """Who is inside when one looks: the longer a visit, the likelier."""
    likely = came.output / came.output.sum()
    chosen = random.choice(len(likely), size=min(count, _VISITS), p=likely)
    kinds = list(_visits(came))
    return [
        Visit(at_s=0.0, input=kinds[at].input, unread=kinds[at].unread, output=kinds[at].output)
        for at in chosen
    ]


def _play(fleet: list[Replica], ready: list[tuple[float, int]], visits: Sequence[Visit]) -> None:
    """Deals every visit, when it is ready, to the replica with the fewest."""
    for now, at in sorted(ready):
        for replica in fleet:
            replica.advance(now)
        min(fleet, key=lambda replica: replica.outstanding).put(visits[at])
    for replica in fleet:
        replica.advance(math.inf)


def _tail(visits: Sequence[Visit], scene: Scene, *, played: int) -> Tail:
    at = np.array([visit.at_s for visit in visits])
    first = np.array([visit.first_s for visit in visits]) - at
    whole = np.array([visit.end_s for visit in visits]) - at
    later = np.array([visit.output - 1 for visit in visits])
    several = later > 0
    token = (whole - first)[several] / later[several] if np.any(several) else np.zeros(1)
    return Tail(
        requests=len(visits),
        replicas=played,
        first_token_ms=_percentiles(first),
        token_ms=_percentiles(token),
        request_ms=_percentiles(whole),
        mean_first_ms=float(first.mean()) * 1e3,
        mean_token_ms=float(token.mean()) * 1e3,
        overload_s=_overload_s(at, first) if scene.burst else 0.0,
    )


def _percentiles(seconds: Array) -> Percentiles:
    p50, p95, p99 = (np.percentile(seconds, _PERCENTILES) * 1e3).tolist()
    return Percentiles(p50=p50, p95=p95, p99=p99)


def _overload_s(at: Array, first: Array) -> float:
    """From the first to the last arrival of the burst, and after it, that waits unusually long."""
    before = np.arange(len(at)) < len(at) // 4
    usual = np.percentile(first[before], 99) if np.any(before) else first[0]
    late = at[~before & (first > usual)]
    return float(late[-1] - late[0]) if len(late) > 1 else 0.0
