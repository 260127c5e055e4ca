"""How long a scan takes, beside the simplest guard in the same run."""

import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kilonova.guardrails.sentry import Sentry
from sentry.baselines import keyword_alarm, patterns_alone
from sentry.cold import measure_cold
from sentry.corpus import read_evaluation
from sentry.progress import report
from sentry.sets import read_personal

__all__ = ["benchmark"]

_CHARACTERS = 2000
_TEXTS = 400
_ROUNDS = 3


def benchmark(weights: Path, data: Path) -> dict[str, object]:
    """Wall clock and processor time, since a busy machine makes the former the neighbours'."""
    sentry = Sentry.packaged()
    kinds = _texts(data)
    texts = [text for some in kinds.values() for text in some]
    guards: dict[str, Callable[[str], object]] = {
        "sentry": sentry.scan,
        "baseline: patterns and keywords alone": _afternoon,
    }
    found: dict[str, Any] = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "texts": len(texts),
        "characters": _CHARACTERS,
        "file_bytes": weights.stat().st_size,
        "cold": measure_cold(),
    }
    for text in texts[:50]:
        sentry.scan(text)
    for name, guard in guards.items():
        found[name] = _times(guard, texts)
        report(f"{name}: {found[name]}")
    found["ratio"] = _ratio(found["sentry"], found["baseline: patterns and keywords alone"])
    found["sentry_by_text"] = {name: _times(sentry.scan, some) for name, some in kinds.items()}
    found["resident_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    report(str(found))
    return found


def _ratio(sentry: dict[str, float], base: dict[str, float]) -> dict[str, float]:
    """How many times as long a scan takes: a busy machine slows both alike."""
    return {name: round(sentry[name] / base[name], 2) for name in ("cpu_ms_p50", "cpu_ms_p99")}


def _afternoon(text: str) -> object:
    return keyword_alarm(text), patterns_alone(text)


def _texts(data: Path) -> dict[str, list[str]]:
    """Pages of documentation, sums and personal data run together, and translated sentences."""
    pages = [record.text for record in read_evaluation(data, "docs-heldout")]
    sums = " ".join(record.prompt for record in read_evaluation(data, "gsm8k-test"))
    personal = " ".join(one.text for one in read_personal())
    languages = " ".join(
        record.text for record in read_evaluation(data, "lingua-test") if record.kind == "sentence"
    )
    quarter = _TEXTS // 4
    cut = {"pages": [page[:_CHARACTERS] for page in pages if len(page) >= _CHARACTERS][:quarter]}
    runs = {"sums": sums, "personal data, one a line": personal, "75 languages": languages}
    for name, text in runs.items():
        step = max(1, (len(text) - _CHARACTERS) // quarter)
        cut[name] = [text[at * step : at * step + _CHARACTERS] for at in range(quarter)]
    return cut


def _times(guard: Callable[[str], object], texts: list[str]) -> dict[str, float]:
    wall, own = [], []
    for _ in range(_ROUNDS):
        for text in texts:
            started, started_own = time.perf_counter(), time.thread_time()
            guard(text)
            own.append(time.thread_time() - started_own)
            wall.append(time.perf_counter() - started)
    return {
        f"{kind}_ms_{name}": round(1000 * float(np.quantile(values, share)), 3)
        for kind, values in (("cpu", own), ("wall", wall))
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }
