"""Bars of the planner without a table: DeepSeek's day from first principles, and its own speed."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from kilonova.planner.plan import Wishes, make_plan
from kilonova.planner.search import search
from kilonova.planner.supply import Supply
from kilonova.planner.tables import Tables
from kilonova.planner.workload import Workload

__all__ = ["UNREAD", "Bar", "deepseek_day", "plan_speeds"]

_BILLION, _DAY_S = 1e9, 86_400
_READ, _CACHED, _WRITTEN = 608 * _BILLION, 342 * _BILLION, 168 * _BILLION
_CONTEXT = 4_989  # mean tokens kept for a token that was written
_TOKENS_S = 21  # for one user; 20 to 22 were reported

UNREAD = (
    "Not measured: tokens/s of MLPerf Inference v5.1, J/token of ML.ENERGY, percentiles of the "
    "sim-to-real records. No package carries these tables and they have no licence file, so they "
    "are neither kept nor fetched.",
)


class Bar(NamedTuple):
    """One line: ``value`` is what was measured now, already formatted."""

    name: str
    anchor: str
    must: str
    value: str
    is_met: bool | None


def deepseek_day(tables: Tables) -> Iterator[Bar]:
    """Tokens a second of a node of eight H800, by constants that were fitted on other machines.

    The chip is an H100 with the links that DeepEP's README states for H800.
    """
    output = _CONTEXT / (_READ / _WRITTEN + 0.5)
    day = Workload(
        rate=_WRITTEN / _DAY_S / output,
        input_tokens=output * _READ / _WRITTEN,
        output_tokens=output,
        cache_share=_CACHED / _READ,
        token_ms=1000 / _TOKENS_S,
    )
    h800 = replace(tables.accelerators["h100"], name="h800", link_gb_s=160.0, network_gb_s=50.0)
    known = replace(tables, accelerators={**tables.accelerators, "h800": h800})
    supply = Supply(
        accelerators=("h800",),
        precisions=("fp8",),
        engines=("vllm",),
        layout="apart",
        usd_hour=2,
        spares=0,
    )
    wishes = Wishes(arrivals=0)
    best = make_plan(day, supply, model="deepseek-r1", tables=known, wishes=wishes).options[0]
    assert best.readers is not None
    reading = best.readers.replicas_mean * best.readers.chips / 8
    writing = best.replicas_mean * best.chips / 8
    for name, tokens, nodes, measured in (
        ("read", _READ, reading, 73_700),
        ("written", _WRITTEN, writing, 14_800),
    ):
        rate = tokens / _DAY_S / nodes
        miss = rate / measured - 1
        yield Bar(
            f"DeepSeek's day, tokens {name} a second and node",
            f"{measured:,} reported",
            "within 25 %",
            f"{rate:,.0f} ({miss:+.0%})",
            abs(miss) <= 0.25,
        )
    miss = (reading + writing) / 226.75 - 1
    yield Bar(
        "DeepSeek's day, nodes",
        "226.75 reported",
        "",
        f"{reading + writing:.0f} ({miss:+.0%})",
        None,
    )


def plan_speeds(tables: Tables) -> Iterator[Bar]:
    """A search over everything there is a price for, and a whole plan with its busiest hour."""
    load = Workload(rate=200, input_tokens=4000, output_tokens=500, token_ms=40)
    supply = Supply(kind="owned", precisions=("bf16", "fp8", "fp4", "int4"))
    start = time.perf_counter()
    found = search(load, tables.models["deepseek-r1"], supply, tables=tables)
    middle = time.perf_counter()
    make_plan(load, supply, model="deepseek-r1", tables=tables)
    end = time.perf_counter()
    count = len(found.configurations)
    yield Bar(
        f"a search, {count} ways work, both layouts", "-", "", f"{middle - start:.2f} s", None
    )
    yield Bar("a plan, 2,000 requests played", "-", "", f"{end - middle:.2f} s", None)
