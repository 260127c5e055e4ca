"""A plan of this machine against a load test of the real server on it.

``python -m benchmarks.planner_own`` takes turns, some times over: a round of what ``kilonova
calibrate`` measures, all slots of a real server kept busy, and half of what it can serve sent by
chance. Each load test is compared with a plan from the rounds before and after it, so that the
machine's mood (neighbours of a virtual one change its speed by 2x within minutes) is in both. The
bars are on medians of these ratios; their spread is printed beside them.
"""

import argparse
import asyncio
import datetime
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import numpy as np

from kilonova.billing.cost.calibration import Measured
from kilonova.billing.cost.measuring import Measurer, TooLittleError
from kilonova.cli.plan_own import as_machine
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.engines import open_engine
from kilonova.offer import plan_offer
from kilonova.planner.own import OwnPlan, plan_own
from kilonova.planner.workload import Workload
from kilonova.settings import load_settings

__all__ = ["main"]

_MODEL = "kilonova.spark-v1:0"
_SLOTS = 4
_WORDS = 130
_TEXT = ("river", "stone", "seven", "paper", "north", "quiet", "glass", "early", "copper", "walk")
_OUTPUT = 40
_BUSY = 24  # requests of one turn with all slots busy
_BY_CHANCE = 60
_TURNS = 8
_HALF = 0.5


class _Answer(NamedTuple):
    """Seconds of one request, and its tokens read, of them cached, and written."""

    first_s: float
    whole_s: float
    read: int
    cached: int
    written: int


class _Turn(NamedTuple):
    """One load test: requests a second with all slots busy, and answers to those by chance."""

    throughput: float
    rate: float
    busy: list[_Answer]
    answers: list[_Answer]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=_TURNS)
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(_compared(Path(folder), turns))
    sys.stdout.writelines(f"{row}\n" for row in rows)


async def _compared(home: Path, count: int) -> list[str]:
    offer = plan_offer(load_settings(None))
    model = offer.catalog.find(_MODEL)
    plan = next(plan for plan in offer.engines if plan.name == model.engine)
    engine = open_engine(plan.kind, plan.name, plan.options, home=home)
    await engine.start()
    try:
        async with _served(home) as session:
            measurer = Measurer(engine, model, slots=_SLOTS)
            await measurer.warm_up()
            await asyncio.gather(*(_ask(session, at) for at in range(_SLOTS)))
            await measurer.round()
            turns: list[_Turn] = []
            pairs: list[tuple[OwnPlan, _Turn]] = []
            for at in range(count):
                turns.append(await _turn(session, at))
                await measurer.round()
                if (planned := _planned(model, measurer, turns[-1], at=at)) is not None:
                    pairs.append((planned, turns[-1]))
                    _tell(at, planned, turns[-1])
        return _report(pairs, turns=count, measured=measurer.result())
    finally:
        await engine.stop()


async def _turn(session: aiohttp.ClientSession, number: int) -> _Turn:
    start, random = time.perf_counter(), np.random.default_rng(number)
    busy = await _busy(session, 10_000 * (number + 1))
    throughput = len(busy) / (time.perf_counter() - start)
    rate = throughput * _HALF
    came = random.exponential(1 / rate, _BY_CHANCE).cumsum().tolist()
    first = 10_000 * (number + 1) + 5_000
    later = (_later(session, first + at, seconds) for at, seconds in enumerate(came))
    return _Turn(throughput, rate, busy, list(await asyncio.gather(*later)))


def _planned(model: Model, measurer: Measurer, turn: _Turn, *, at: int) -> OwnPlan | None:
    """From the rounds before and after the turn; None if these cannot be planned with."""
    answers = turn.busy + turn.answers
    read, cached, written = (
        float(np.mean([getattr(answer, name) for answer in answers]))
        for name in ("read", "cached", "written")
    )
    work = Workload(
        rate=turn.rate,
        input_tokens=read,
        output_tokens=written,
        cache_share=cached / read,
        spread=0.0,
    )
    try:
        machine = as_machine(measurer.result(slice(at, at + 2)), model=model, slots=_SLOTS)
        return plan_own(machine, work, usd_hour=None, lists=[])
    except (TooLittleError, InvalidRequest) as error:
        sys.stderr.write(f"a turn does not count: {error}\n")
        return None


def _tell(at: int, planned: OwnPlan, turn: _Turn) -> None:
    """For whoever watches."""
    ratio = planned.capacity / turn.throughput - 1
    sys.stderr.write(
        f"turn {at + 1}: {planned.capacity:.2f} requests/s planned, {turn.throughput:.2f} measured "
        f"({ratio:+.0%})\n"
    )


def _report(pairs: Sequence[tuple[OwnPlan, _Turn]], *, turns: int, measured: Measured) -> list[str]:
    work = pairs[0][0].workload
    rows = [
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f}; {len(pairs)} of {turns} turns count, each of {_BUSY} "
        f"requests with all slots busy and {_BY_CHANCE} by chance",
        f"{work.input_tokens:.0f} tokens read ({work.cache_share:.0%} cached), "
        f"{work.output_tokens:.0f} written; calibration: {measured.rounds} rounds, spread "
        f"{measured.spread:.0%}, off {measured.off:.1%}",
        "",
        "| | planned | measured | planned / measured, median (quartiles) | bar | |",
        "|---|---|---|---|---|---|",
    ]
    capacities = [plan.capacity for plan, _ in pairs]
    rows.append(
        _row("requests/s, every slot busy", capacities, [turn.throughput for _, turn in pairs], 0.1)
    )
    for name, planned, field in (
        ("ms to the first token, p95", "first_token_ms", "first_s"),
        ("ms for a request, p95", "request_ms", "whole_s"),
    ):
        expected = [getattr(plan.tail, planned).p95 for plan, _ in pairs]
        times = [[1e3 * getattr(one, field) for one in turn.answers] for _, turn in pairs]
        rows.append(_row(name, expected, [float(np.percentile(some, 95)) for some in times], 0.2))
        pooled = np.concatenate(
            [np.array(some) / most for some, most in zip(times, expected, strict=True)]
        )
        miss = 1 / float(np.percentile(pooled, 95)) - 1
        rows.append(f"| the same, {len(pooled)} requests over their plans | | | {miss:+.0%} | | |")
    return rows


def _row(name: str, planned: Sequence[float], measured: Sequence[float], bar: float) -> str:
    low, middle, high = np.quantile(np.array(planned) / np.array(measured) - 1, [0.25, 0.5, 0.75])
    verdict = "met" if abs(middle) <= bar else "**missed**"
    return (
        f"| {name} | {np.median(planned):,.2f} | {np.median(measured):,.2f} "
        f"| {middle:+.0%} ({low:+.0%} to {high:+.0%}) | within {bar:.0%} | {verdict} |"
    )


@asynccontextmanager
async def _served(home: Path) -> AsyncGenerator[aiohttp.ClientSession]:
    """A client of a server of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kilonova.cli.main", "serve"),
        *("--home", str(home), "--port", str(port)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        await _ready(url)
        key = json.loads(_kilonova(home, "keys", "create", "--json"))["bearer_key"]
        headers = {"authorization": f"Bearer {key}"}
        limit = aiohttp.ClientTimeout(total=300)
        async with aiohttp.ClientSession(url, headers=headers, timeout=limit) as session:
            yield session
    finally:
        process.terminate()
        await process.wait()


async def _busy(session: aiohttp.ClientSession, first: int) -> list[_Answer]:
    """Every slot taken at all times."""

    async def one(slot: int) -> list[_Answer]:
        each = _BUSY // _SLOTS
        return [await _ask(session, first + each * slot + at) for at in range(each)]

    return [each for some in await asyncio.gather(*map(one, range(_SLOTS))) for each in some]


async def _later(session: aiohttp.ClientSession, number: int, seconds: float) -> _Answer:
    await asyncio.sleep(seconds)
    return await _ask(session, number)


async def _ask(session: aiohttp.ClientSession, number: int) -> _Answer:
    """A prompt of its own, so that next to nothing of it is in a cache; it is gone on with until
    the most that is asked for, so that lengths are no matter of chance."""
    words = " ".join(_TEXT[(number + at * at) % len(_TEXT)] for at in range(_WORDS))
    body = {
        "model": _MODEL,
        "prompt": f"{number} {words}",
        "max_tokens": _OUTPUT,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    usage: dict[str, Any] = {}
    start, first = time.perf_counter(), 0.0
    async with session.post("/v1/completions", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            if not line.startswith(b"data: {"):
                continue
            chunk: dict[str, Any] = json.loads(line[6:])
            usage = chunk.get("usage") or usage
            if not first and any(choice["text"] for choice in chunk["choices"]):
                first = time.perf_counter() - start
    whole = time.perf_counter() - start
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    read, written = usage["prompt_tokens"], usage["completion_tokens"]
    return _Answer(first or whole, whole, read, cached, written)


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession(url) as session:
        for _ in range(600):
            try:
                async with session.get("/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError("the server did not become ready in a minute")


def _kilonova(home: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "kilonova.cli.main", *arguments, "--home", str(home)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
