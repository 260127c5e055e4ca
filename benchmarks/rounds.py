"""Alternating rounds: the machine is never quiet, so everything compared is measured in turns.

A ``Sample`` is one round of one target: what its client saw and the CPU time that it took.
"""

import statistics
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from benchmarks.client import Job, Load, generate
from benchmarks.targets import Target

__all__ = ["Effort", "Sample", "alternate", "median"]

_WARM_UP_S = 0.7


class Effort(Struct, frozen=True, kw_only=True):
    """How long to measure. ``soak`` is the number of requests after which memory is read."""

    rounds: int = 7
    seconds: float = 3.0
    starts: int = 5
    soak: int = 100_000


class Sample(Struct, frozen=True):
    load: Load
    cpu_s: float

    @property
    def cpu_ms(self) -> float:
        """CPU time of the target for one request."""
        return self.cpu_s * 1000 / self.load.completed


def measure(target: Target, job: Job) -> Sample:
    """One round."""
    before_s = target.process.cpu_s
    load = generate(job)
    return Sample(load, target.process.cpu_s - before_s)


def alternate(effort: Effort, *entries: tuple[Target, Job]) -> list[list[Sample]]:
    """The samples of each entry, after one short round that does not count."""
    for target, job in entries:
        measure(target, replace(job, seconds=_WARM_UP_S))
    samples: list[list[Sample]] = [[] for _ in entries]
    for _ in range(effort.rounds):
        for index, (target, job) in enumerate(entries):
            samples[index].append(measure(target, replace(job, seconds=effort.seconds)))
    return samples


def median(samples: list[Sample], value: Callable[[Sample], float]) -> float:
    return statistics.median(value(sample) for sample in samples)
