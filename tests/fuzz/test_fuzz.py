"""Whatever arrives, on whatever route: an answer or the vendor's refusal, quickly, and sound books.

A few seconds of it by default; ``make fuzz`` goes on for as long as ``KILONOVA_FUZZ_S`` says.
"""

import os
import sys
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, note, seed, settings

from fuzz.seeds import Seed, seeds
from fuzz.spoiling import Change, spoils, spoilt
from fuzz.target import open_target

FUZZ_S = float(os.environ.get("KILONOVA_FUZZ_S", "0"))
FIRST_SEED = int(os.environ.get("KILONOVA_FUZZ_SEED", "1"))
# A round has a home of its own, so that what callers may keep there never fills up.
SHORT, LONG = 250, 2_000


def test_what_is_spoilt_is_good_at_first() -> None:
    """Protects the fuzzing itself: its seeds reach the handlers, and most are answered."""
    with open_target() as target:
        for one in seeds():
            target.judge(spoilt(one, []))
    assert target.statuses[200] > 0.7 * len(seeds())


def fuzz(number: int, examples: int) -> tuple[Counter[int], float]:
    """One round. Raises with the smallest case that it found."""
    with open_target() as target:

        @seed(number)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(spoils)
        def judge(drawn: tuple[Seed, list[Change]]) -> None:
            case = spoilt(*drawn)
            note(repr(case))
            target.judge(case)

        judge()
    return target.statuses, target.slowest[0]


def test_a_spoilt_request_is_refused_or_answered() -> None:
    """Protects the server from everything that no SDK would send, in a few seconds."""
    statuses, _ = fuzz(FIRST_SEED, SHORT)
    assert statuses[200] > 0
    assert statuses[400] > 0


@pytest.mark.skipif(not FUZZ_S, reason="the long form is `make fuzz`")
@pytest.mark.timeout(FUZZ_S + 600)
def test_for_as_long_as_it_takes() -> None:
    """Protects the same for longer: each round begins with a seed of its own, and says which."""
    until, number = time.monotonic() + FUZZ_S, FIRST_SEED
    total: Counter[int] = Counter()
    while time.monotonic() < until:
        number += 1
        sys.stderr.write(f"fuzz: seed {number}, {sum(total.values())} requests so far\n")
        statuses, slowest_s = fuzz(number, LONG)
        total += statuses
    sys.stderr.write(f"fuzz: {dict(sorted(total.items()))}, dearest {slowest_s:.3f} s of CPU\n")
