"""What the gateway adds to a request: CPU, throughput and time to the first token."""

import statistics
from collections.abc import Callable

from msgspec.structs import replace

from benchmarks.client import Job, quantile
from benchmarks.report import Budget, Row, row
from benchmarks.rounds import Effort, Sample, alternate, median
from benchmarks.targets import Target, asked

__all__ = ["chunk_cost", "first_token", "request_cost", "throughput", "versus_litellm"]

_CONNECTIONS = 64
_SHORT, _LONG = 16, 512

_REQUEST = Budget(0.6, 0.35, "ms")
_CHUNK = Budget(0.04, 0.02, "ms")
_THROUGHPUT = Budget(40, 60, "%", "floor")
_LITELLM = Budget(20, 40, "×", "floor")
_FIRST_P50 = Budget(2, 1, "ms")
_FIRST_P99 = Budget(8, 4, "ms")


def _cpu(sample: Sample) -> float:
    return sample.cpu_ms


def _rate(sample: Sample) -> float:
    return sample.load.per_second


def request_cost(kilonova: Target, pass_through: Target, effort: Effort) -> list[Row]:
    """CPU of a whole answer by the echo engine; the pass-through shows what the server costs."""
    echo = replace(asked(kilonova, model="echo"), connections=_CONNECTIONS)
    bare = replace(asked(pass_through), connections=_CONNECTIONS)
    echoes, bares = alternate(effort, (kilonova, echo), (pass_through, bare))
    ours, theirs = median(echoes, _cpu), median(bares, _cpu)
    lowest = min(sample.cpu_ms for sample in echoes)
    return [
        row(
            "gateway CPU per whole request, everything on, echo engine",
            f"{ours:.3f} ms (best round {lowest:.3f})",
            reference=f"pass-through with an upstream: {theirs:.3f} ms",
            ratio=ours / theirs,
            budget=_REQUEST,
            judged=ours,
        )
    ]


def chunk_cost(kilonova: Target, pass_through: Target, effort: Effort) -> list[Row]:
    """The slope between short and long streamed answers, so that the request itself drops."""
    echo = _slopes(effort, (kilonova, _echo_job))
    upstream = _slopes(effort, (kilonova, _upstream_job), (pass_through, _upstream_job))
    ours, (mine, theirs) = echo[0], upstream
    return [
        row(
            "gateway CPU per streamed chunk, echo engine",
            f"{ours:.4f} ms",
            reference=f"slope between {_SHORT} and {_LONG} chunks",
            budget=_CHUNK,
            judged=ours,
        ),
        row(
            "gateway CPU per streamed chunk from an upstream",
            f"{mine:.4f} ms",
            reference=f"pass-through: {theirs:.4f} ms",
            ratio=mine / theirs,
            budget=_CHUNK,
            judged=mine,
        ),
    ]


def _slopes(effort: Effort, *entries: tuple[Target, Callable[[Target, int], Job]]) -> list[float]:
    """For each target, the CPU milliseconds that one chunk more costs."""
    jobs = [(target, job(target, tokens)) for target, job in entries for tokens in (_SHORT, _LONG)]
    samples = alternate(effort, *jobs)
    return [
        statistics.median(
            (b.cpu_ms - a.cpu_ms) / (_LONG - _SHORT) for a, b in zip(short, long, strict=True)
        )
        for short, long in zip(samples[::2], samples[1::2], strict=True)
    ]


def _echo_job(target: Target, tokens: int) -> Job:
    job = asked(target, f"[[echo: tokens={tokens}]] nova", is_streamed=True, model="echo")
    return replace(job, connections=_CONNECTIONS)


def _upstream_job(target: Target, tokens: int) -> Job:
    job = asked(target, f"words={tokens}", is_streamed=True)
    return replace(job, connections=_CONNECTIONS)


def throughput(kilonova: Target, pass_through: Target, effort: Effort) -> list[Row]:
    """Requests a second through the same upstream, on one core each."""
    return [
        _throughput(kilonova, pass_through, effort, is_streamed=is_streamed)
        for is_streamed in (False, True)
    ]


def _throughput(
    kilonova: Target, pass_through: Target, effort: Effort, *, is_streamed: bool
) -> Row:
    entries = [
        (target, replace(asked(target, is_streamed=is_streamed), connections=_CONNECTIONS))
        for target in (kilonova, pass_through)
    ]
    ours, theirs = alternate(effort, *entries)
    ratio = median(ours, _rate) / median(theirs, _rate)
    kind = "streamed" if is_streamed else "whole"
    return row(
        f"throughput, {kind} answers, same upstream",
        f"{median(ours, _rate):.0f}/s, {median(ours, _cpu):.3f} ms CPU",
        reference=f"pass-through {median(theirs, _rate):.0f}/s, {median(theirs, _cpu):.3f} ms CPU",
        ratio=ratio,
        budget=_THROUGHPUT,
        judged=100 * ratio,
    )


def versus_litellm(kilonova: Target, litellm: Target, effort: Effort) -> list[Row]:
    """As ``throughput``, against a gateway of the trade that does less here (no budgets)."""
    rows = []
    for is_streamed in (False, True):
        entries = [
            (target, replace(asked(target, is_streamed=is_streamed), connections=_CONNECTIONS))
            for target in (kilonova, litellm)
        ]
        ours, theirs = alternate(effort, *entries)
        ratio = median(ours, _rate) / median(theirs, _rate)
        kind = "streamed" if is_streamed else "whole"
        mine = f"{median(ours, _rate):.0f}/s, {median(ours, _cpu):.3f} ms CPU"
        other = f"LiteLLM {median(theirs, _rate):.0f}/s, {median(theirs, _cpu):.1f} ms CPU"
        rows.append(
            row(
                f"throughput against LiteLLM, {kind} answers",
                mine,
                reference=other,
                ratio=ratio,
                budget=_LITELLM,
                judged=ratio,
            )
        )
    memory = row(
        "memory under that load",
        f"{kilonova.process.resident_mb:.0f} MB",
        reference=f"LiteLLM {litellm.process.resident_mb:.0f} MB",
        ratio=kilonova.process.resident_mb / litellm.process.resident_mb,
    )
    return [*rows, memory]


def first_token(
    kilonova: Target, pass_through: Target, upstream: Target, effort: Effort
) -> list[Row]:
    """One request at a time, over one connection each."""
    entries = [(t, asked(t, is_streamed=True)) for t in (kilonova, pass_through, upstream)]
    ours, theirs, direct = alternate(effort, *entries)
    rows = []
    for share, budget in ((0.5, _FIRST_P50), (0.99, _FIRST_P99)):
        mine, other, none = (_first(samples, share) for samples in (ours, theirs, direct))
        rows.append(
            row(
                f"added time to the first token, unloaded, p{share * 100:.0f}",
                f"{mine - other:.2f} ms ({mine:.2f} in all)",
                reference=f"pass-through {other:.2f} ms, upstream itself {none:.2f} ms",
                budget=budget,
                judged=mine - other,
            )
        )
    return rows


def _first(samples: list[Sample], share: float) -> float:
    """The median over the rounds, so that one bad round of a shared machine does not count."""
    return statistics.median(quantile(sample.load.firsts_ms, share) for sample in samples)
