"""A plan of this machine against a load test of the real server on it.

``python -m benchmarks.planner_own`` measures the packaged model (``kilonova calibrate``), plans for
half of what it can serve, starts a server, sends it that load by chance, and prints both. Whatever
else runs on the machine is in the figures: it says how busy the machine was.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import numpy as np

__all__ = ["main"]

_WORDS = 150
_OUTPUT = 40
_REQUESTS = 150
_MODEL = "kilonova.spark-v1:0"
_SLOTS = 4


class _Answer(NamedTuple):
    """Seconds of one request, and what it reports to have read and written."""

    first_s: float
    whole_s: float
    read: int
    written: int


def main() -> None:
    """Prints a table."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _kilonova(home, "calibrate", "--model", _MODEL)
        rows = asyncio.run(_measured(home))
    sys.stdout.writelines(f"{row}\n" for row in rows)


async def _measured(home: Path) -> list[str]:
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
            return await _compared(session, home)
    finally:
        process.terminate()
        await process.wait()


async def _compared(session: aiohttp.ClientSession, home: Path) -> list[str]:
    random = np.random.default_rng(1)
    await asyncio.gather(*(_ask(session, at) for at in range(_SLOTS)))
    start = time.perf_counter()
    full = await _closed(session)
    throughput = len(full) / (time.perf_counter() - start)
    read = float(np.mean([answer.read for answer in full]))
    written = float(np.mean([answer.written for answer in full]))
    ask = ("plan", "--here", "--model", _MODEL, "--json", "--spread", "0")
    lengths = ("--input-tokens", f"{read:.0f}", "--output-tokens", f"{written:.0f}")
    planned = json.loads(_kilonova(home, *ask, *lengths, "--rate", "0.001"))
    rate = planned["capacity"] / 2
    planned = json.loads(_kilonova(home, *ask, *lengths, "--rate", f"{rate:.4f}"))
    gaps = random.exponential(1 / rate, _REQUESTS).cumsum()
    answers = await asyncio.gather(
        *(_later(session, 1000 + at, gap) for at, gap in enumerate(gaps.tolist()))
    )
    first, whole = (
        float(np.percentile([getattr(answer, name) for answer in answers], 95)) * 1e3
        for name in ("first_s", "whole_s")
    )
    return [
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} while measured",
        f"{read:.0f} tokens read, {written:.0f} written, {_REQUESTS} requests at {rate:.2f}/s",
        "",
        "| | planned | measured | |",
        "|---|---|---|---|",
        _row("requests/s, every slot taken", planned["capacity"], throughput),
        _row("ms to the first token, p95", planned["tail"]["first_token_ms"]["p95"], first),
        _row("ms for a request, p95", planned["tail"]["request_ms"]["p95"], whole),
    ]


def _row(name: str, planned: float, measured: float) -> str:
    return f"| {name} | {planned:,.2f} | {measured:,.2f} | {planned / measured - 1:+.0%} |"


async def _closed(session: aiohttp.ClientSession) -> list[_Answer]:
    """Every slot taken at all times."""

    async def one(slot: int) -> list[_Answer]:
        return [await _ask(session, 100 * slot + at) for at in range(_REQUESTS // _SLOTS // 2)]

    return [each for some in await asyncio.gather(*map(one, range(1, 5))) for each in some]


async def _later(session: aiohttp.ClientSession, number: int, seconds: float) -> _Answer:
    await asyncio.sleep(seconds)
    return await _ask(session, number)


async def _ask(session: aiohttp.ClientSession, number: int) -> _Answer:
    """A prompt of its own, so that nothing of it is in a cache."""
    words = " ".join(str((number * 7919 + at * 104729) % 9973) for at in range(_WORDS // 3))
    body = {
        "model": _MODEL,
        "messages": [{"role": "user", "content": f"{number} {words}"}],
        "max_tokens": _OUTPUT,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    start, first, usage = time.perf_counter(), 0.0, {"prompt_tokens": 0, "completion_tokens": 0}
    async with session.post("/v1/chat/completions", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            if not line.startswith(b"data: {"):
                continue
            chunk: dict[str, Any] = json.loads(line[6:])
            usage = chunk.get("usage") or usage
            if not first and any(choice["delta"].get("content") for choice in chunk["choices"]):
                first = time.perf_counter() - start
    whole = time.perf_counter() - start
    return _Answer(first or whole, whole, usage["prompt_tokens"], usage["completion_tokens"])


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
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        # A machine that is too busy to be measured is no failure of the plan.
        raise SystemExit(f"skipped: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    main()
