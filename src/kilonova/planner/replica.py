"""One replica as an event loop: continuous batching, prompts read in chunks, a limit of memory.

A step writes one token for every running sequence and reads at most a chunk of waiting prompts,
first come first served. Between two events the steps are alike, so they are taken at once:
the work is by requests, not by tokens. A request is taken up when the whole of it fits.
"""

import math
from collections import deque
from heapq import heappop, heappush

from msgspec import Struct

from kilonova.planner.pace import Pace

__all__ = ["Replica", "Visit"]


class Visit(Struct, kw_only=True, weakref=False, gc=False):
    """One request: when it came, what it needs, and when it had its first and its last token."""

    at_s: float
    input: int
    unread: int
    output: int
    read: int = 0
    first_s: float = math.inf
    end_s: float = math.inf


class Replica:
    """Owns its clock. ``put`` visits when the clock has reached them, ``advance``, look at them."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._clock = 0.0
        self._step = 0
        self._room = pace.room
        self._waiting: deque[Visit] = deque()
        self._reading: deque[Visit] = deque()
        # (step of the last token, order, visit); the order keeps visits from being compared.
        self._writing: list[tuple[int, int, Visit]] = []
        self._joined = 0
        # Tokens of context over all that write, less the step number of each.
        self._context = 0

    @property
    def outstanding(self) -> int:
        """Requests that wait, are read or write."""
        return len(self._waiting) + len(self._reading) + len(self._writing)

    def put(self, visit: Visit) -> None:
        self._waiting.append(visit)

    def resume(self, visit: Visit, *, written: int) -> None:
        """A visit that has been under way before the clock began."""
        self._room -= self._pace.kept_bytes(visit.input + visit.output)
        self._join(visit, written=written)

    def advance(self, until_s: float) -> None:
        """Until the clock is there, or all is done. A step that has begun is finished."""
        while self._clock < until_s:
            self._admit()
            if self._reading:
                self._read()
            elif self._writing:
                self._write(until_s)
            else:
                self._clock = until_s if until_s < math.inf else self._clock
                return

    def _admit(self) -> None:
        while self._waiting and len(self._reading) + len(self._writing) < self._pace.running:
            needed = self._pace.kept_bytes(self._waiting[0].input + self._waiting[0].output)
            if needed > self._room and (self._reading or self._writing):
                return
            self._room -= needed
            self._reading.append(self._waiting.popleft())

    def _read(self) -> None:
        """One step in which prompts are read."""
        left, spent, done = self._pace.chunk, 0.0, []
        while left and self._reading:
            visit = self._reading[0]
            end = min(visit.unread, visit.read + left)
            spent += self._pace.reading_s(visit.read, end)
            left -= end - visit.read
            visit.read = end
            if end == visit.unread:
                spent += self._pace.prompt_s
                done.append(self._reading.popleft())
        self._pass(1, len(self._writing) + len(done), spent * self._pace.shared)
        for visit in done:
            visit.first_s = self._clock
            self._join(visit, written=1)
        self._leave()

    def _write(self, until_s: float) -> None:
        """Steps until somebody leaves or may come."""
        steps = self._writing[0][0] - self._step
        if until_s < math.inf:
            one = self._pace.step_s(len(self._writing), self._mean_context())
            steps = min(steps, max(1, math.ceil((until_s - self._clock) / one)))
        self._pass(steps, len(self._writing), 0.0)
        self._leave()

    def _pass(self, steps: int, batch: int, more_s: float) -> None:
        middle = self._mean_context() + (steps - 1) / 2
        self._clock += steps * self._pace.step_s(max(batch, 1), middle) + more_s
        self._step += steps

    def _mean_context(self) -> float:
        return self._context / len(self._writing) + self._step if self._writing else 0.0

    def _join(self, visit: Visit, *, written: int) -> None:
        last = self._step + visit.output - written
        self._joined += 1
        heappush(self._writing, (last, self._joined, visit))
        self._context += visit.input + visit.output - last

    def _leave(self) -> None:
        while self._writing and self._writing[0][0] <= self._step:
            last, _, visit = heappop(self._writing)
            self._context -= visit.input + visit.output - last
            self._room += self._pace.kept_bytes(visit.input + visit.output)
            visit.end_s = self._clock
