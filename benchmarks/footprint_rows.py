"""What Kilonova needs before it does anything: time to start, memory, time to import."""

import statistics
import subprocess
import sys
from pathlib import Path

from msgspec.structs import replace

from benchmarks.client import ROOT, generate
from benchmarks.report import Budget, Row, row
from benchmarks.rounds import Effort
from benchmarks.targets import Target, asked, kilonova, prepare_home

__all__ = ["import_time", "ready_time", "soak"]

_CONNECTIONS = 16
_READY = Budget(2, 1, "s")
_IDLE = Budget(120, 90, "MB")
_GROWTH = Budget(10, 2, "MB")
_IMPORT = Budget(150, 80, "ms")


def import_time(effort: Effort) -> list[Row]:
    """``import kilonova`` in fresh interpreters, and what the server imports."""
    package, server = (
        statistics.median(_import_ms(module) for _ in range(effort.starts))
        for module in ("kilonova", "kilonova.server")
    )
    return [
        row("`import kilonova`", f"{package:.1f} ms", budget=_IMPORT, judged=package),
        row("`import kilonova.server`", f"{server:.0f} ms"),
    ]


def _import_ms(module: str) -> float:
    code = (
        "import sys, time; start = time.perf_counter(); "
        f"import {module}; sys.stdout.write(str((time.perf_counter() - start) * 1000))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, cwd=ROOT
    )
    return float(done.stdout)


def ready_time(folder: Path, effort: Effort) -> list[Row]:
    """``serve`` to ready without a model, on a new home and on one that was used before."""
    first_s = [_start(folder / f"new{number}", "") for number in range(effort.starts)]
    home = folder / "used"
    key = prepare_home(home)
    again_s = [_start(home, key) for _ in range(effort.starts)]
    return [
        row(
            f"`serve` to ready without a model, {name}",
            f"{statistics.median(values):.2f} s",
            budget=_READY,
            judged=statistics.median(values),
        )
        for name, values in (("new home", first_s), ("used home", again_s))
    ]


def _start(home: Path, key: str) -> float:
    home.mkdir(exist_ok=True)
    config = home / "kilonova.toml"
    if not config.exists():
        config.write_text("[engines.spark]\nenabled = false\n")
    with kilonova(home, key, core=None) as target:
        return target.process.wait_for(f"{target.url}/readyz")


def soak(target: Target, idle_mb: float, effort: Effort) -> list[Row]:
    """Memory before any request, and after many: half of them whole, half streamed."""
    for is_streamed in (False, True):
        job = asked(target, is_streamed=is_streamed, model="echo")
        generate(replace(job, connections=_CONNECTIONS, requests_max=effort.soak // 2))
    after_mb = target.process.resident_mb
    return [
        row(
            "memory of the gateway process, idle", f"{idle_mb:.0f} MB", budget=_IDLE, judged=idle_mb
        ),
        row(
            f"its growth after {effort.soak:,} requests",
            f"{after_mb - idle_mb:.1f} MB",
            budget=_GROWTH,
            judged=after_mb - idle_mb,
        ),
    ]
