"""What there is to read on a machine: counters of energy, and the processor time of the server.

Rapl   powercap's ``energy_uj`` of every package and its memory (readable by root on most
       machines, absent in most virtual ones); the counters wrap around
Nvml   the energy counters of NVIDIA's accelerators, through the driver's own library
Cpu    processor time of this process and its children: the share of full load, a model
"""

import ctypes
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

__all__ = ["Cpu", "Nvml", "Rapl", "Sensor", "open_sensors"]

_UJ_PER_MJ = 1000
_MILLION = 1_000_000
_NVML_LIBRARY = "libnvidia-ml.so.1"


class Sensor(Protocol):
    """``read`` tells what came since the call before: microjoules if it ``is_counter``, else the
    mean share of full load in millionths. Raises OSError or ValueError when it cannot be read."""

    @property
    def is_counter(self) -> bool: ...

    def read(self) -> int: ...


class Rapl:
    """All packages together. A package counts its cores; memory is counted where it is a zone."""

    is_counter = True

    def __init__(self, root: Path = Path("/sys/class/powercap")) -> None:
        self._zones = [zone for zone in sorted(root.glob("intel-rapl:*")) if _counts(zone)]
        if not self._zones:
            raise OSError(f"{root} has no readable counter of energy")
        self._last = [_number(zone / "energy_uj") for zone in self._zones]

    def read(self) -> int:
        total = 0
        for index, zone in enumerate(self._zones):
            now, before = _number(zone / "energy_uj"), self._last[index]
            self._last[index] = now
            # It begins again behind its range.
            total += now - before if now >= before else now - before + _range(zone)
        return total


def _counts(zone: Path) -> bool:
    """A package, or the memory beside it. ``core`` and ``uncore`` are inside the package, and
    ``psys`` is around it."""
    try:
        name = (zone / "name").read_text().strip()
    except OSError:
        return False
    return (name.startswith("package") or name == "dram") and os.access(zone / "energy_uj", os.R_OK)


def _range(zone: Path) -> int:
    return _number(zone / "max_energy_range_uj") + 1


def _number(path: Path) -> int:
    return int(path.read_text())


class Nvml:
    """The accelerators of these numbers, or all. Raises OSError where there is no library."""

    is_counter = True

    def __init__(self, numbers: Sequence[int] = (), *, library: ctypes.CDLL | None = None) -> None:
        self._library = library or ctypes.CDLL(_NVML_LIBRARY)
        self._call("nvmlInit_v2")
        count = ctypes.c_uint()
        self._call("nvmlDeviceGetCount_v2", ctypes.byref(count))
        self._devices = [self._device(number) for number in numbers or range(count.value)]
        if not self._devices:
            raise OSError("the driver knows no accelerator")
        self._last_mj = self._total_mj()

    def read(self) -> int:
        now_mj, before_mj = self._total_mj(), self._last_mj
        self._last_mj = now_mj
        # The counters begin at 0 when the driver is loaded again.
        return max(0, now_mj - before_mj) * _UJ_PER_MJ

    def _device(self, number: int) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(number), ctypes.byref(handle))
        return handle

    def _total_mj(self) -> int:
        total = 0
        for device in self._devices:
            energy_mj = ctypes.c_ulonglong()
            self._call("nvmlDeviceGetTotalEnergyConsumption", device, ctypes.byref(energy_mj))
            total += energy_mj.value
        return total

    def _call(self, name: str, *arguments: object) -> None:
        try:
            status = getattr(self._library, name)(*arguments)
        except AttributeError:
            raise OSError(f"the driver's library has no {name}") from None
        if status:
            raise OSError(f"{name} failed with {status}")


class Cpu:
    """This process and all its descendants, against all processors of the machine."""

    is_counter = False

    def __init__(
        self,
        *,
        proc: Path = Path("/proc"),
        now_ns: Callable[[], int] = time.monotonic_ns,
        processors: int | None = None,
    ) -> None:
        self._proc = proc
        self._now_ns = now_ns
        self._processors = processors or os.cpu_count() or 1
        self._ticks_per_s = os.sysconf("SC_CLK_TCK")
        self._last_ns = now_ns()
        self._last = self._times()

    def read(self) -> int:
        now_ns, times = self._now_ns(), self._times()
        elapsed_ns, before = now_ns - self._last_ns, self._last
        self._last_ns, self._last = now_ns, times
        # Who came since the last reading counts from its beginning; who left counts no more.
        ticks = sum(max(0, count - before.get(pid, 0)) for pid, count in times.items())
        if elapsed_ns <= 0:
            return 0
        full = elapsed_ns * self._processors * self._ticks_per_s
        return min(_MILLION, ticks * _MILLION * 1_000_000_000 // full)

    def _times(self) -> dict[int, int]:
        times: dict[int, int] = {}
        waiting = [os.getpid()]
        while waiting:
            pid = waiting.pop()
            try:
                stat = (self._proc / str(pid) / "stat").read_text()
                # Behind the name, which may hold anything: user and system time are 14 and 15.
                fields = stat.rpartition(")")[2].split()
                times[pid] = int(fields[11]) + int(fields[12])
                waiting += self._children(pid)
            except (OSError, IndexError):
                continue
        return times

    def _children(self, pid: int) -> list[int]:
        found: list[int] = []
        for task in (self._proc / str(pid) / "task").iterdir():
            found += map(int, (task / "children").read_text().split())
        return found


def open_sensors(names: Sequence[str]) -> list[Sensor]:
    """Those that are there; ``cpu``, the model, only where there is no counter before it. A name is
    ``rapl``, ``nvml``, ``nvml:NUMBER`` or ``cpu``."""
    found: list[Sensor] = []
    for name in names:
        kind, _, number = name.partition(":")
        try:
            if kind == "rapl":
                found.append(Rapl())
            elif kind == "nvml":
                found.append(Nvml([int(number)] if number else ()))
            elif not found:
                found.append(Cpu())
        except (OSError, ValueError):
            continue
    return found
