"""Sensors on trees of sysfs as machines have them, and on a driver that is a real library."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kilonova.billing.cost import sensors
from kilonova.billing.cost.power import Power
from kilonova.billing.cost.rates import Rates
from kilonova.billing.cost.sensors import Nvml, Rapl, open_sensors

_SECOND_NS = 10**9
_RATES = Rates(
    from_ms=0,
    capital_year_nano=0,
    upkeep_year_nano=0,
    idle_uw=0,
    dynamic_uw=10**9,
    pue_ppm=1_000_000,
    kwh_nano=0,
    grid_ug_kwh=0,
)
# Two sockets, as Linux shows them: every zone has a link beside the control type, children too, and
# one more control type (mmio) counts the first package once more.
_TREE = {
    "intel-rapl/intel-rapl:0": ("package-0", 262_143_328_850),
    "intel-rapl/intel-rapl:0/intel-rapl:0:0": ("core", 262_143_328_850),
    "intel-rapl/intel-rapl:0/intel-rapl:0:1": ("uncore", 262_143_328_850),
    "intel-rapl/intel-rapl:0/intel-rapl:0:2": ("dram", 65_712_999_613),
    "intel-rapl/intel-rapl:1": ("package-1", 262_143_328_850),
    "intel-rapl/intel-rapl:2": ("psys", 262_143_328_850),
    "intel-rapl-mmio/intel-rapl-mmio:0": ("package-0", 262_143_328_850),
}


class Machine:
    """``/sys/class/powercap`` of a machine with two sockets; memory is a zone of the first one."""

    def __init__(self, root: Path) -> None:
        self.powercap = root / "class"
        self._zones = {path.rpartition("/")[2]: root / "devices" / path for path in _TREE}
        self.powercap.mkdir(parents=True)
        for zone in self._zones.values():
            zone.mkdir(parents=True)
            name, wrap_uj = _TREE[str(zone.relative_to(root / "devices"))]
            (zone / "name").write_text(f"{name}\n")
            (zone / "max_energy_range_uj").write_text(f"{wrap_uj}\n")
            (zone / "energy_uj").write_text("1000000\n")
            (zone / "enabled").write_text("1\n")
            (self.powercap / zone.name).symlink_to(zone)
        (self.powercap / "intel-rapl").symlink_to(root / "devices" / "intel-rapl")

    def show(self, **energy_uj: int) -> None:
        """The counters of zones: p0, p1, core, dram, psys and mmio."""
        for short, count in energy_uj.items():
            (self.zone(short) / "energy_uj").write_text(f"{count}\n")

    def zone(self, short: str) -> Path:
        names = {"p0": "0", "p1": "1", "core": "0:0", "dram": "0:2", "psys": "2"}
        name = "intel-rapl-mmio:0" if short == "mmio" else f"intel-rapl:{names[short]}"
        return self._zones[name]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_two_sockets_are_counted_once_each(machine: Machine) -> None:
    """Protects sums: cores, the whole board and a second way to the same package are left out."""
    rapl = Rapl(machine.powercap)
    machine.show(p0=3_000_000, p1=1_500_000, dram=1_100_000)
    machine.show(core=2_500_000, psys=9_000_000, mmio=3_000_000)
    assert rapl.read() == 2_000_000 + 500_000 + 100_000


def test_each_counter_wraps_at_its_own_range(machine: Machine) -> None:
    """Protects a busy day: a package begins again every few minutes, memory at another place."""
    machine.show(p0=262_143_328_800, p1=5, dram=65_712_999_600)
    rapl = Rapl(machine.powercap)
    machine.show(p0=49, p1=7, dram=6)
    assert rapl.read() == (262_143_328_850 + 1 - 262_143_328_800 + 49) + 2 + (14 + 6)
    assert rapl.read() == 0


def test_memory_that_is_not_counted_is_left_out(machine: Machine) -> None:
    """Protects client machines, which have no zone for memory."""
    (machine.powercap / "intel-rapl:0:2").unlink()
    rapl = Rapl(machine.powercap)
    machine.show(p0=1_000_007, dram=9_000_000)
    assert rapl.read() == 7


@pytest.mark.parametrize("content", ["", "nonsense", None])
def test_a_counter_that_cannot_be_read_is_no_sensor(
    machine: Machine, content: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the start of a server: what is unreadable (as for all but root) or no number leaves
    the machine with a model, labelled as one."""
    for short in ("p0", "p1", "dram"):
        counter = machine.zone(short) / "energy_uj"
        if content is None:
            counter.unlink()
        else:
            counter.write_text(content)
    monkeypatch.setattr(sensors, "Rapl", lambda: Rapl(machine.powercap))
    found = open_sensors(["rapl", "cpu"])
    assert [each.is_counter for each in found] == [False]
    assert Power(found).basis == "modelled"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_counters_of_root_are_no_sensor(machine: Machine) -> None:
    """Protects the rule of Linux since 2020: only root reads them."""
    for short in ("p0", "p1", "dram"):
        (machine.zone(short) / "energy_uj").chmod(0o000)
    with pytest.raises(OSError, match="no readable counter"):
        Rapl(machine.powercap)


class _Clock:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


def test_a_package_that_goes_away_ends_the_measuring(machine: Machine) -> None:
    """Protects labels: while every package is counted energy is measured; when one is taken out it
    is modelled, at full load, and not a part of the energy that looks like all of it."""
    clock = _Clock()
    power = Power([Rapl(machine.powercap)], now_ns=clock)
    power.adopt(_RATES)
    clock.ns = _SECOND_NS
    machine.show(p0=6_000_000)
    assert power.read_uw(_SECOND_NS) == 5_000_000
    assert power.basis == "measured"
    (machine.powercap / "intel-rapl:1").unlink()
    clock.ns = 2 * _SECOND_NS
    assert power.read_uw(2 * _SECOND_NS) == _RATES.dynamic_uw
    assert power.basis == "modelled"


_DRIVER = """
typedef struct { unsigned long long energy_mj; int status; } device_t;
static device_t devices[2] = {{5000000000000ULL, 0}, {50, 0}};
static int is_loaded = 0;
void fake_show(unsigned number, unsigned long long energy_mj, int status) {
    devices[number].energy_mj = energy_mj;
    devices[number].status = status;
}
int nvmlInit_v2(void) { is_loaded = 1; return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return is_loaded ? 0 : 1; }
int nvmlDeviceGetHandleByIndex_v2(unsigned number, void **handle) {
    if (number >= 2) return 2;
    *handle = &devices[number];
    return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *energy_mj) {
    device_t *device = handle;
    *energy_mj = device->energy_mj;
    return device->status;
}
"""


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Shows energy (mJ) and the status of a call on an accelerator, in a library of its own."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no compiler of C here")
    source, library = tmp_path / "driver.c", tmp_path / "libnvidia-ml.so.1"
    source.write_text(_DRIVER)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)
    monkeypatch.setattr(sensors, "_NVML_LIBRARY", str(library))
    shown = ctypes.CDLL(str(library)).fake_show
    shown.argtypes = (ctypes.c_uint, ctypes.c_ulonglong, ctypes.c_int)
    show: Callable[..., Any] = shown
    return show


def test_a_real_library_counts_in_64_bits(driver: Callable[..., Any]) -> None:
    """Protects the call into the driver: handles and counters that need more than 32 bits."""
    (both,) = open_sensors(["nvml"])
    (second,) = open_sensors(["nvml:1", "cpu"])
    driver(0, 5_000_000_001_500, 0)
    driver(1, 52, 0)
    assert both.read() == 1_502_000
    assert second.read() == 2_000
    assert Power([both]).basis == "measured"
    # The driver was loaded again.
    driver(0, 3, 0)
    driver(1, 0, 0)
    assert both.read() == 0


def test_an_accelerator_that_does_not_count_is_no_sensor(driver: Callable[..., Any]) -> None:
    """Protects older accelerators (status 3, not supported), a number that is not there, and one
    that falls off the bus: no figure is called measured that is not."""
    driver(1, 0, 3)
    with pytest.raises(OSError, match="GetTotalEnergyConsumption failed with 3"):
        Nvml()
    assert [each.is_counter for each in open_sensors(["nvml", "cpu"])] == [False]
    assert open_sensors(["nvml:7"]) == []
    driver(1, 0, 0)
    power = Power(open_sensors(["nvml"]))
    power.adopt(_RATES)
    driver(0, 0, 15)
    assert power.read_uw(_SECOND_NS) == _RATES.dynamic_uw
    assert power.basis == "modelled"
