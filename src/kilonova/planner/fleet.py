"""How many replicas, hour by hour: enough for a crowd that comes by chance, and one more.

Arrivals are taken as random (Poisson), so with M requests in flight on average there are at most
M + 1.645·√M in 95 % of moments. The fleet is sized so that these meet the targets.
"""

import math

import numpy as np
from msgspec import Struct

from kilonova.planner.columns import Array

__all__ = ["Fleet", "nodes_for", "size", "size_queue"]

_P95 = 1.645


class Fleet(Struct, frozen=True, kw_only=True):
    """Replicas in each hour of a day, (24,) or (n, 24) for n configurations, spares included."""

    replicas: Array

    @property
    def peak(self) -> Array:
        return np.asarray(np.max(self.replicas, axis=-1))

    @property
    def mean(self) -> Array:
        return np.asarray(np.mean(self.replicas, axis=-1))

    @property
    def idle_hours(self) -> Array:
        """Replica-hours a day that a fleet for the peak can lend to batch work."""
        return np.asarray(np.sum(self.peak[..., None] - self.replicas, axis=-1))


def size(rate: Array, *, request_s: Array, running: Array, spares: int) -> Fleet:
    """The fleet for ``rate``, (24,) or (n, 24), if ``running`` (n,) requests fit into a replica.

    ``request_s`` (n,) is what one then takes. Where ``running`` is 0 the fleet is infinite.
    """
    flight = np.atleast_2d(rate) * request_s[:, None]
    crowd = flight + _P95 * np.sqrt(flight)
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = np.where(crowd > 0, crowd / running[:, None], 0.0)
    return Fleet(replicas=np.where(np.isfinite(needed), np.ceil(needed) + spares, math.inf))


def size_queue(rate: Array, *, service_s: Array, busy: Array, spares: int) -> Fleet:
    """The fleet for ``rate``, (24,) or (n, 24), if each request takes ``service_s`` (n,) of one
    replica, and these may be ``busy`` (n,) for that share of the time: the rest is for the crowd.
    """
    with np.errstate(divide="ignore"):
        needed = np.atleast_2d(rate) * (service_s / busy)[:, None]
    return Fleet(replicas=np.where(np.isfinite(needed), np.ceil(needed) + spares, math.inf))


def nodes_for(tokens: float, *, tokens_s: float, seconds: float = 86_400) -> float:
    """Nodes kept busy on average by ``tokens`` in ``seconds``, at ``tokens_s`` a node."""
    return tokens / seconds / tokens_s
