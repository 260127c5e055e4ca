"""The first scan of a fresh process: what it costs in time and memory. Imports nothing heavy."""

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

__all__ = ["measure_cold"]


def measure_cold() -> dict[str, float]:
    """Runs in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_first_scan).result()


def _first_scan() -> dict[str, float]:
    before_mb = _memory_mb()
    started_s = time.perf_counter()
    import_module("numpy")
    numpy_s = time.perf_counter() - started_s
    from kilonova.guardrails.sentry import Sentry

    started_load_s = time.perf_counter()
    sentry = Sentry.packaged()
    load_s = time.perf_counter() - started_load_s
    sentry.scan("warm up")
    return {
        "numpy_import_ms": round(1000 * numpy_s, 1),
        "load_ms": round(1000 * load_s, 1),
        "first_scan_ms": round(1000 * (time.perf_counter() - started_s), 1),
        "memory_mb": round(_memory_mb() - before_mb, 1),
    }


def _memory_mb() -> float:
    """What is resident now; the peak would be the parent's."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 2**20
