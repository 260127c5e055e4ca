"""Energy: what counters tell, what is modelled without them, and how either is labelled."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from kilonova.billing.cost.power import Power
from kilonova.billing.cost.rates import Rates
from kilonova.billing.cost.sensors import Cpu, Nvml, Rapl, open_sensors

_RANGE = 1_000_000
_SECOND = 10**9
_RATES = Rates(
    from_ms=0,
    capital_year_nano=0,
    upkeep_year_nano=0,
    idle_uw=12_000_000,
    dynamic_uw=36_000_000,
    pue_ppm=1_200_000,
    kwh_nano=0,
    grid_ug_kwh=0,
)


class _Clock:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


def _zone(root: Path, folder: str, *, name: str, energy_uj: int) -> Path:
    zone = root / folder
    zone.mkdir(exist_ok=True, parents=True)
    (zone / "name").write_text(f"{name}\n")
    (zone / "energy_uj").write_text(f"{energy_uj}\n")
    (zone / "max_energy_range_uj").write_text(f"{_RANGE - 1}\n")
    return zone


def test_packages_and_memory_count_and_what_is_inside_them_does_not(tmp_path: Path) -> None:
    """Protects against counting a core twice, and against a counter that begins again."""
    _zone(tmp_path, "intel-rapl:0", name="package-0", energy_uj=999_000)
    _zone(tmp_path, "intel-rapl:0:0", name="core", energy_uj=5)
    _zone(tmp_path, "intel-rapl:0:1", name="dram", energy_uj=100)
    _zone(tmp_path, "intel-rapl:1", name="package-1", energy_uj=0)
    _zone(tmp_path, "intel-rapl:2", name="psys", energy_uj=0)
    rapl = Rapl(tmp_path)
    _zone(tmp_path, "intel-rapl:0", name="package-0", energy_uj=2_000)
    _zone(tmp_path, "intel-rapl:0:0", name="core", energy_uj=900)
    _zone(tmp_path, "intel-rapl:0:1", name="dram", energy_uj=160)
    _zone(tmp_path, "intel-rapl:2", name="psys", energy_uj=9_999)
    assert rapl.read() == 3_000 + 60
    assert rapl.read() == 0


def test_a_machine_without_counters_has_none(tmp_path: Path) -> None:
    """Protects virtual machines, which show no counter, or one that only root may read."""
    with pytest.raises(OSError, match="no readable counter"):
        Rapl(tmp_path)


class _Driver:
    """The four calls of the driver's library, for two accelerators."""

    def __init__(self) -> None:
        self.energy_mj = [1_000, 50]
        self.fails = 0
        self.calls: dict[str, Callable[..., int]] = {
            "nvmlInit_v2": lambda: 0,
            "nvmlDeviceGetCount_v2": self._count,
            "nvmlDeviceGetHandleByIndex_v2": self._handle,
            "nvmlDeviceGetTotalEnergyConsumption": self._energy,
        }

    def __getattr__(self, name: str) -> Callable[..., int]:
        return self.calls[name]

    def _count(self, count: Any) -> int:
        count._obj.value = len(self.energy_mj)
        return 0

    def _handle(self, index: Any, handle: Any) -> int:
        handle._obj.value = index.value + 1
        return 0

    def _energy(self, handle: Any, energy: Any) -> int:
        energy._obj.value = self.energy_mj[handle.value - 1]
        return self.fails


def test_accelerators_are_counted_together_or_by_number() -> None:
    """Protects machines with several: a resource may be one of them."""
    driver = _Driver()
    library = cast(ctypes.CDLL, driver)
    both, second = (Nvml(numbers, library=library) for numbers in ((), (1,)))
    driver.energy_mj = [1_500, 52]
    assert both.read() == 502_000
    assert second.read() == 2_000
    driver.fails = 999
    with pytest.raises(OSError, match="failed with 999"):
        both.read()


def test_a_library_of_another_age_is_no_sensor() -> None:
    """Protects the start of the server on a driver that lacks a call."""
    with pytest.raises(OSError, match="has no nvmlInit_v2"):
        Nvml(library=ctypes.CDLL(None))


def _process(proc: Path, pid: int, *, ticks: int, children: str = "") -> None:
    task = proc / str(pid) / "task" / str(pid)
    task.mkdir(parents=True, exist_ok=True)
    (task / "children").write_text(children)
    fields = ["S", *["0"] * 10, str(ticks), "0"]
    (proc / str(pid) / "stat").write_text(f"{pid} (a (strange) name) {' '.join(fields)}\n")


def test_processor_time_is_that_of_the_server_and_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects requests from paying for other programs."""
    monkeypatch.setattr("os.getpid", lambda: 10)
    monkeypatch.setattr("os.sysconf", lambda _name: 100)
    clock = _Clock()
    _process(tmp_path, 10, ticks=500, children="11 ")
    _process(tmp_path, 11, ticks=70)
    _process(tmp_path, 99, ticks=0)
    cpu = Cpu(proc=tmp_path, now_ns=clock, processors=4)
    _process(tmp_path, 10, ticks=550, children="11 12 13 ")
    _process(tmp_path, 11, ticks=120)
    _process(tmp_path, 12, ticks=100)
    _process(tmp_path, 99, ticks=9_000)
    clock.ns = 2 * _SECOND
    # 200 ticks of a hundredth, of 2 seconds of 4 processors. Process 13 is gone already.
    assert cpu.read() == 250_000
    assert cpu.read() == 0


class _Sensor:
    def __init__(self, *, is_counter: bool, amounts: list[int | OSError]) -> None:
        self.is_counter = is_counter
        self.amounts = amounts

    def read(self) -> int:
        amount = self.amounts.pop(0)
        if isinstance(amount, OSError):
            raise amount
        return amount


def _power(*sensors: _Sensor) -> tuple[Power, _Clock]:
    clock = _Clock()
    power = Power(sensors, now_ns=clock)
    power.adopt(_RATES)
    return power, clock


def test_a_counter_tells_what_is_drawn_beyond_idling_at_the_wall() -> None:
    """Protects measured energy: overhead of the site is on it, and idling is off it."""
    power, clock = _power(_Sensor(is_counter=True, amounts=[0, 25_000_000, 8_000_000, 18_000_000]))
    assert power.basis == "measured"
    clock.ns = _SECOND
    # 25 J in a second are 30 W at the wall, 18 more than idle, all in half a second of work.
    assert power.read_uw(_SECOND // 2) == 36_000_000
    clock.ns = 2 * _SECOND
    # 9.6 W: idle is less than the rates say, and this is it.
    assert power.read_uw(_SECOND) == 0
    clock.ns = 3 * _SECOND
    assert power.read_uw(2 * _SECOND) == 21_600_000 - 9_600_000


def test_processor_time_scales_full_load() -> None:
    """Protects modelled energy: a quarter of the processors at work are a quarter of full load."""
    power, clock = _power(_Sensor(is_counter=False, amounts=[0, 250_000, 900_000]))
    assert power.basis == "modelled"
    clock.ns = _SECOND
    assert power.read_uw(_SECOND) == 9_000_000
    clock.ns = 2 * _SECOND
    # More than full load in the time of work: others worked too.
    assert power.read_uw(_SECOND + _SECOND // 2) == 36_000_000


def test_a_sensor_that_fails_is_given_up_for_full_load() -> None:
    """Protects settlements from a device that vanishes, and readers from a label that is wrong."""
    power, clock = _power(_Sensor(is_counter=True, amounts=[0, OSError("gone")]))
    clock.ns = _SECOND
    assert power.read_uw(_SECOND) == 36_000_000
    assert power.basis == "modelled"
    clock.ns = 2 * _SECOND
    assert power.read_uw(2 * _SECOND) == 36_000_000


def test_there_is_always_something_to_read_on_linux() -> None:
    """Protects the default: without any counter, processor time is there."""
    assert open_sensors(("rapl", "nvml", "cpu"))
    assert open_sensors(("nvml:77",)) == []
