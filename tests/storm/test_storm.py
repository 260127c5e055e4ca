"""Streaming clients of all wires under a server that dies at random: nothing is billed wrongly.

A few kills by default; ``make storm`` does two hundred and says what it saw.
"""

import os
import sys
from pathlib import Path

import pytest

from storm.storm import Report, run_storm

KILLS = int(os.environ.get("KILONOVA_STORM_KILLS", "0"))
SEED = int(os.environ.get("KILONOVA_STORM_SEED", "1"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")


def _check(report: Report) -> None:
    assert report.is_sound
    assert report.missing == []
    assert report.wrong == []
    assert report.overbilled == 0
    assert report.overshoot_nano == 0
    assert report.whole > 0


@pytest.mark.slow
def test_a_few_kills(tmp_path: Path) -> None:
    """Protects metering end to end on every wire, in a few seconds."""
    _check(run_storm(tmp_path / "home", kills=4, seed=SEED))


@pytest.mark.skipif(not KILLS, reason="the long form is `make storm`")
@pytest.mark.timeout(60 + 30 * KILLS)
def test_a_storm(tmp_path: Path) -> None:
    """Protects the same through as many kills as somebody has patience for."""
    report = run_storm(tmp_path / "home", kills=KILLS, seed=SEED)
    sys.stdout.write("\n".join(("", *report.lines(), "")))
    _check(report)
