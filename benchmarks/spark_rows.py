"""Spark, the packaged model: through Kilonova and in a bare child, and how soon it answers.

The bare child is the engine's own child process with the engine's own settings, asked directly on
its socket for the same greedy answer to the same prompt.
"""

import json
import statistics
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import replace

from benchmarks.bare_child import Place
from benchmarks.client import Job, quantile
from benchmarks.processes import Process
from benchmarks.report import Budget, Row, row
from benchmarks.rounds import Effort, Sample, alternate
from benchmarks.targets import Target, asked, kilonova

__all__ = ["bare_child", "first_answer", "tokens_per_second"]

_MODEL = "spark"
_PROMPT = "Write a long story about a ship."
_TOKENS = 400
_ANSWERS = 3
# Spark stops early; without its control tokens it cannot.
_CONTROL_IDS = (0, 1, 2)
_SPEED = Budget(97, 99, "%", "floor")
_FIRST = Budget(4, 2, "s")
_POLL_S = 0.01
_WAIT_S = 60.0


def _job(target: Target) -> Job:
    """One streamed, greedy answer of exactly ``_TOKENS`` tokens, over a connection of its own:
    llama.cpp's server closes them."""
    job = asked(target, _PROMPT, is_streamed=True, model=_MODEL)
    body = {
        **json.loads(job.body),
        "max_tokens": _TOKENS,
        "temperature": 0,
        "logit_bias": {str(token): -100 for token in _CONTROL_IDS},
        "stream_options": {"include_usage": True},
    }
    counted = f'"completion_tokens":{_TOKENS}'
    return replace(
        job,
        body=json.dumps(body),
        expected=("[DONE]", counted),
        first="",
        requests_max=1,
        cpu=None,
    )


@contextmanager
def bare_child(folder: Path) -> Iterator[Target]:
    """A child of the packaged model without Kilonova in front of it."""
    socket = folder / "bare.json"
    command = [sys.executable, "-m", "benchmarks.bare_child", str(socket)]
    with Process(command, log=folder / "bare.log") as process:
        while not socket.exists():
            assert process.is_running, "the bare child could not start"
            time.sleep(_POLL_S)
        place = msgspec.json.decode(socket.read_bytes(), type=Place)
        yield Target(name="bare child", process=process, address=place.address, key=place.key)


def tokens_per_second(served: Target, bare: Target, effort: Effort) -> list[Row]:
    """The same answer, in turns. Nobody is pinned: the model may use every core."""
    answers = replace(effort, rounds=_ANSWERS * effort.rounds)
    ours, theirs = alternate(answers, (served, _job(served)), (bare, _job(bare)))
    mine, other = _calm_speed(ours), _calm_speed(theirs)
    return [
        row(
            "Spark, tokens per second, one caller",
            f"{mine:.0f}",
            reference=f"bare child {other:.0f}",
            ratio=mine / other,
            budget=_SPEED,
            judged=100 * mine / other,
        )
    ]


def _calm_speed(samples: list[Sample]) -> float:
    """The upper quartile: a neighbour on the machine only ever makes an answer slower, by more
    than the few per cent that are measured here."""
    return quantile([_speed(sample) for sample in samples], 0.75)


def _speed(sample: Sample) -> float:
    return _TOKENS * 1000 / sample.load.latencies_ms[0]


def first_answer(home: Path, key: str, effort: Effort) -> list[Row]:
    """From the start of ``serve`` to a complete answer of Spark, on a home that was used before."""
    values = [_first_answer_s(home, key) for _ in range(effort.starts)]
    value = statistics.median(values)
    return [
        row("`serve` to the first answer of Spark", f"{value:.2f} s", budget=_FIRST, judged=value)
    ]


def _first_answer_s(home: Path, key: str) -> float:
    with kilonova(home, key, core=None) as target:
        job = asked(target, _PROMPT, model=_MODEL)
        body = json.dumps({**json.loads(job.body), "max_tokens": 8}).encode()
        headers = {"content-type": "application/json", **job.headers}
        request = urllib.request.Request(target.url + job.path, body, headers)
        while time.perf_counter() - target.process.started_s < _WAIT_S:
            try:
                with urllib.request.urlopen(request, timeout=_WAIT_S):
                    return time.perf_counter() - target.process.started_s
            except (urllib.error.URLError, OSError):
                time.sleep(_POLL_S)
    raise RuntimeError("Spark never answered")
