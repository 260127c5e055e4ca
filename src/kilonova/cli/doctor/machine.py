"""Checks of the machine: is it fit to run a server and a model."""

import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import apsw

from kilonova.cli.doctor.finding import Check, Verdict

__all__ = ["machine_checks"]

_PYTHON_MIN = (3, 11)
# The first release without the WAL-reset bug, which can lose committed transactions.
_SQLITE_MIN = (3, 51, 3)
_MEMORY_MIN = 1 << 30
_DISK_WARN, _DISK_FAIL = 2 << 30, 100 << 20
_FILES_MIN = 4096
_FSYNC_WARN_MS = 20.0
_EPOCH_S = 1_767_225_600  # 2026-01-01: no clock of a machine that runs this shows less

_Result = tuple[Verdict, str, str]


def machine_checks(home: Path) -> list[Check]:
    """In the order in which a person would look. ``home`` exists."""
    return [
        Check("python", _python),
        Check("sqlite", _sqlite),
        Check("engine", _engine),
        Check("cpu", _cpu),
        Check("memory", _memory),
        Check("disk", lambda: _disk(home)),
        Check("fsync", lambda: _fsync(home)),
        Check("clock", lambda: _clock(home)),
        Check("open files", _open_files),
    ]


def _python() -> _Result:
    wanted = ".".join(map(str, _PYTHON_MIN))
    verdict: Verdict = "OK" if sys.version_info >= _PYTHON_MIN else "FAIL"
    return verdict, f"Python {platform.python_version()}", f"Install Python {wanted} or newer."


def _sqlite() -> _Result:
    version = apsw.sqlite_lib_version()
    is_fixed = tuple(map(int, version.split("."))) >= _SQLITE_MIN
    wanted = ".".join(map(str, _SQLITE_MIN))
    return (
        "OK" if is_fixed else "FAIL",
        f"SQLite {version}, bundled with apsw",
        f"Its write-ahead log can lose transactions before {wanted}: pip install -U apsw",
    )


def _engine() -> _Result:
    # In a process of its own: native code made for another processor dies with a signal.
    command = [sys.executable, "-c", "import xllamacpp; print(xllamacpp.__version__)"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    if done.returncode == 0:
        return "OK", f"xllamacpp {done.stdout.strip()}", ""
    last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    fix = "Reinstall it for this processor: pip install --force-reinstall xllamacpp"
    return "FAIL", f"xllamacpp does not load: {last}", fix


def _cpu() -> _Result:
    flags = _cpu_flags()
    cores = len(os.sched_getaffinity(0))
    if not flags:
        return "OK", f"{platform.machine()}, {cores} cores", ""
    wide = [name for name in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if name in flags]
    verdict: Verdict = "OK" if "avx2" in flags else "WARN"
    detail = f"{platform.machine()}, {cores} cores, {' '.join(wide) or 'no AVX2'}"
    return verdict, detail, "Without AVX2 local models are several times slower: use another CPU."


def _cpu_flags() -> frozenset[str]:
    """Empty where the kernel does not tell (other processors than x86)."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    line = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())


def _memory() -> _Result:
    lines = Path("/proc/meminfo").read_text().splitlines()
    kibibytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    free = kibibytes["MemAvailable"] << 10
    total = kibibytes["MemTotal"] << 10
    verdict: Verdict = "OK" if free >= _MEMORY_MIN else "WARN"
    detail = f"{_size(free)} free of {_size(total)}"
    return verdict, detail, "Close other programs, or serve smaller models."


def _disk(home: Path) -> _Result:
    free = shutil.disk_usage(home).free
    verdict: Verdict = "OK"
    if free < _DISK_WARN:
        verdict = "WARN" if free >= _DISK_FAIL else "FAIL"
    return verdict, f"{_size(free)} free at {home}", "Free space: a full disk stops the ledger."


def _fsync(home: Path) -> _Result:
    """Every answered request waits for one of these."""
    path = home / "doctor.fsync"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        times = [_fsync_ms(descriptor) for _ in range(21)]
    finally:
        os.close(descriptor)
        path.unlink()
    median = statistics.median(times)
    verdict: Verdict = "OK" if median <= _FSYNC_WARN_MS else "WARN"
    fix = "Every request waits for the disk: put the home on a local SSD."
    return verdict, f"median {median:.2f} ms, worst {max(times):.2f} ms", fix


def _fsync_ms(descriptor: int) -> float:
    os.write(descriptor, bytes(4096))
    started_s = time.perf_counter()
    os.fsync(descriptor)
    return (time.perf_counter() - started_s) * 1000


def _clock(home: Path) -> _Result:
    """Signed requests are refused beyond 15 minutes of skew, and ids are ordered by time."""
    now_s = time.time()
    newest_s = max((path.stat().st_mtime for path in home.iterdir()), default=now_s)
    fix = "Set the clock (NTP): signatures and the ledger depend on it."
    if now_s < _EPOCH_S:
        return "FAIL", "the clock shows a date before 2026", fix
    if newest_s > now_s + 60:
        return "WARN", f"files in the home are {newest_s - now_s:.0f} s in the future", fix
    return "OK", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s)), ""


def _open_files() -> _Result:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    verdict: Verdict = "OK" if soft >= _FILES_MIN else "WARN"
    fix = f"Each connection needs one: ulimit -n {_FILES_MIN} (or LimitNOFILE= in systemd)."
    return verdict, f"{soft} (at most {hard})", fix


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"
