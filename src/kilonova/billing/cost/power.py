"""What a resource draws beyond idling while it works, from its sensors, once a busy second.

Energy counters (``sensors.py``) tell what was drawn between two readings; what is drawn at idle is
taken off, and the rest is put on the busy time between them. That power holds until the next
reading. It never exceeds what the rates call full load: another program's work is not a request's.
"""

import time
from collections.abc import Callable, Sequence

from kilonova.billing.cost.rates import Rates
from kilonova.billing.cost.sensors import Sensor
from kilonova.core.usage import CostBasis

__all__ = ["Power"]

# Of busy time: soon after the start, and then so seldom that reading does not count.
_FIRST_NS, _EVERY_NS = 100_000_000, 1_000_000_000
_SECOND_NS = 1_000_000_000
_MILLION = 1_000_000


class Power:
    """``due_busy_ns`` is the busy time from which on ``read_uw`` is worth its while.

    Without sensors, or once one of them stops answering, full load is taken for every busy
    moment."""

    def __init__(
        self, sensors: Sequence[Sensor], *, now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._sensors = list(sensors)
        self._now_ns = now_ns
        self._rates: Rates | None = None
        self._idle_uw: int | None = None
        self._last_ns = now_ns()
        self._last_busy_ns = 0
        self.due_busy_ns = _FIRST_NS
        self._read_uj()

    @property
    def basis(self) -> CostBasis:
        """Measured if a counter of energy is among the sensors."""
        return "measured" if any(each.is_counter for each in self._sensors) else "modelled"

    def adopt(self, rates: Rates) -> None:
        """The rates of now: full load and overhead."""
        self._rates = rates
        self._idle_uw = None

    def read_uw(self, busy_ns: int) -> int:
        """The power beyond idling, from the time since the last call; ``busy_ns`` is the total."""
        rates, now_ns = self._rates, self._now_ns()
        assert rates is not None, "rates are adopted before anything is read"
        elapsed_ns, busy = now_ns - self._last_ns, busy_ns - self._last_busy_ns
        self._last_ns, self._last_busy_ns = now_ns, busy_ns
        self.due_busy_ns = busy_ns + _EVERY_NS
        energy_uj = self._read_uj()
        if not self._sensors or busy <= 0 or elapsed_ns <= 0:
            return rates.dynamic_uw
        drawn_uw = self._beyond_idle_uj(energy_uj, elapsed_ns) * _SECOND_NS // busy
        return min(max(0, drawn_uw), rates.dynamic_uw)

    def _beyond_idle_uj(self, energy_uj: tuple[int, int], elapsed_ns: int) -> int:
        """At the wall. A counter tells what it draws at idle too: that is the least it ever drew,
        and no more than the rates say."""
        rates = self._rates
        assert rates is not None, "as above"
        counted_uj, share_ppm = energy_uj
        drawn_uj = counted_uj * rates.pue_ppm // _MILLION
        drawn_uw = drawn_uj * _SECOND_NS // elapsed_ns
        floor_uw = rates.idle_uw if self._idle_uw is None else self._idle_uw
        self._idle_uw = min(floor_uw, drawn_uw)
        beyond_uj = drawn_uj - self._idle_uw * elapsed_ns // _SECOND_NS
        modelled_uj = rates.dynamic_uw * share_ppm // _MILLION * elapsed_ns // _SECOND_NS
        return beyond_uj + modelled_uj

    def _read_uj(self) -> tuple[int, int]:
        """Energy counted since the last call, and the share of full load by others, in millionths.

        When one fails all are given up: what is left would be a part of the energy, and look like
        all of it. Full load takes their place."""
        counted_uj = share_ppm = 0
        for sensor in list(self._sensors):
            try:
                amount = sensor.read()
            except (OSError, ValueError):
                self._sensors.clear()
                return 0, 0
            if sensor.is_counter:
                counted_uj += amount
            else:
                share_ppm += amount
        return counted_uj, share_ppm
