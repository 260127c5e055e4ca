"""A-2: streaming clients of all wires, and a server that is killed under them again and again.

Every choice comes from one seed; what the machine makes of it is its own. What clients saw is held
against the books afterwards: that is the only judge.
"""

import asyncio
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from statistics import median

import httpx
from msgspec import Struct, field

from kilonova.core.books import BookedRecord
from kilonova.core.money import parse_nano
from kilonova.stores.sql.store import SqlStore
from servers import cli, start_server
from storm.disturbances import DISTURBANCES
from storm.wires import ECHO, SPARK, WIRES, Seen, Wire

__all__ = ["Outcome", "Report", "run_storm"]

CLIENTS = 8
# The reports of one life: what a killed server had on the way is read to its end.
_READ_S = 20.0
_BUDGET = "0.002"
_PATIENCE_S = 0.05
_WORDS_MAX = 60


class Outcome(Struct, frozen=True):
    """One request as its client saw it."""

    request_id: str
    wire: str
    model: str
    seen: Seen
    has_left: bool = False

    @property
    def is_whole(self) -> bool:
        return self.seen.reported is not None


class Report(Struct):
    """``unbilled`` and ``overbilled`` are tokens of answers that a kill cut off, or whose
    settlement it caught on the way to a disk that would not take it."""

    kills: int = 0
    disturbances: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    whole: int = 0
    left: int = 0
    cut: int = 0
    delivered: int = 0
    missing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    overbilled: int = 0
    dearest: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    unbilled: int = 0
    unbilled_max: int = 0
    recovered: int = 0
    overshoot_nano: int = 0
    ready_s: list[float] = field(default_factory=list)
    is_sound: bool = False

    @property
    def unbilled_ppm(self) -> float:
        """Of a million tokens that arrived, those that nobody pays."""
        return 1e6 * self.unbilled / max(self.delivered, 1)

    def lines(self) -> list[str]:
        """For a person."""
        ready = sorted(self.ready_s)
        return [
            f"{self.kills} kills; {_counts(self.disturbances)}",
            f"{self.requests.total()} requests: {self.whole} whole, {self.left} left by their "
            f"client, {self.cut} cut off; refused: {_counts(self.refused) or 'none'}",
            f"by wire: {_counts(self.requests)}",
            f"whole answers that are not in the books: {len(self.missing)}",
            f"records that contradict what the client was told: {len(self.wrong)}",
            f"tokens delivered: {self.delivered:,}; billed and not delivered: {self.overbilled}; "
            f"delivered and not billed: {self.unbilled} ({self.unbilled_ppm:.0f} ppm, at most "
            f"{self.unbilled_max} in one answer); settled by recovery: {self.recovered}",
            f"budget overshoot: {self.overshoot_nano} nano-units",
            f"ready again after {median(ready):.2f} s (median), {ready[-1]:.2f} s (most)",
            f"books sound: {self.is_sound}",
            *self.dearest,
            *self.broken,
        ]


def _counts(counter: Counter[str] | Counter[int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())


class Storm:
    """One home, one server at a time, eight clients that never give up."""

    def __init__(self, home: Path, *, seed: int) -> None:
        self._home = home
        self._world = Random(seed)
        self._server = start_server(home)
        self._keys = [self._server.new_key()["bearer_key"]]
        self._poor: list[str] = []
        self.outcomes: list[Outcome] = []
        self.report = Report()

    async def life(self) -> None:
        """Clients ask until the server is killed; then it starts again."""
        self._make_poor_key()
        clients = [asyncio.create_task(self._client(WIRES[number])) for number in range(CLIENTS)]
        for _ in range(self._world.choice((0, 1, 1, 2))):
            await asyncio.sleep(self._world.uniform(0.02, 0.4))
            name = self._world.choice(tuple(DISTURBANCES))
            await asyncio.to_thread(DISTURBANCES[name], self._server, self._world)
            self.report.disturbances[name] += 1
        await asyncio.sleep(self._world.uniform(0.02, 1.5))
        self._server.stop(signal.SIGKILL)
        self.report.kills += 1
        await asyncio.gather(*clients)
        begun_s = time.monotonic()
        self._server = await asyncio.to_thread(start_server, self._home)
        self.report.ready_s.append(time.monotonic() - begun_s)

    def close(self) -> None:
        """Stops well, and holds the books against what clients saw."""
        assert self._server.stop() == 0
        verified = cli("ledger", "verify", "--json", home=self._home, check=False)
        self.report.is_sound = verified.returncode == 0
        with SqlStore.reading(self._home / "kilonova.db").snapshot() as view:
            booked = {each.record.request_id: each for each in view.records()}
            spending = view.spending()
            assert view.holds() == []
        for outcome in self.outcomes:
            _judge(self.report, outcome, booked.get(outcome.request_id))
        recovered = [each for each in booked.values() if each.record.outcome == "recovered"]
        self.report.recovered = len(recovered)
        spent = max(spending.get(key_id, 0) for key_id in self._poor)
        self.report.overshoot_nano = max(0, spent - parse_nano(_BUDGET))

    def _make_poor_key(self) -> None:
        limits = {"budget": _BUDGET}
        made = self._server.admin("POST", "/keys", {"kind": "bearer", "limits": limits})
        self._poor.append(str(made["id"]))
        self._keys[1:] = [str(made["bearer_key"])]

    async def _client(self, wire: Wire) -> None:
        async with httpx.AsyncClient(base_url=self._server.url, timeout=_READ_S) as http:
            while self._server.process.poll() is None:
                await self._ask(http, wire)

    async def _ask(self, http: httpx.AsyncClient, wire: Wire) -> None:
        world = self._world
        model = SPARK if world.random() < 0.1 else ECHO
        words, leaves_after = world.randrange(1, _WORDS_MAX), world.choice((None, None, None, 400))
        prompt = f"[[echo: tokens={words}, delay_ms={world.choice((0, 0.5, 3, 10))}]] Say something"
        key = world.choice((*self._keys, self._keys[0]))
        request = http.build_request(
            "POST",
            wire.address(model),
            headers=wire.headers(key),
            json=wire.body(model, prompt, words + 5),
        )
        raw, has_left = b"", False
        try:
            answer = await http.send(request, stream=True)
        except httpx.HTTPError:
            return
        try:
            async for piece in answer.aiter_raw():
                raw += piece
                if leaves_after is not None and len(raw) > leaves_after:
                    has_left = True
                    break
        except httpx.TimeoutException:
            has_left = True  # it gave up, as a client of little patience does
        except httpx.HTTPError:
            pass
        finally:
            await answer.aclose()
        self.report.requests[wire.name] += 1
        if answer.status_code != 200:
            self.report.refused[answer.status_code] += 1
            if answer.status_code == 500:
                self.report.broken.append(f"{answer.headers['x-kilonova-request-id']}: {raw!r}")
            await asyncio.sleep(_PATIENCE_S)
            return
        request_id = answer.headers["x-kilonova-request-id"]
        self.outcomes.append(Outcome(request_id, wire.name, model, wire.read(raw), has_left))


def _judge(report: Report, outcome: Outcome, booked: BookedRecord | None) -> None:
    report.delivered += outcome.seen.words
    if outcome.is_whole:
        report.whole += 1
        if booked is None:
            report.missing.append(outcome.request_id)
        elif booked.record.outcome == "recovered":
            # Its last byte was sent while its settlement waited for the disk.
            _compare(report, outcome, booked)
        elif booked.record.usage.output_tokens != outcome.seen.reported:
            report.wrong.append(outcome.request_id)
        return
    report.left += outcome.has_left
    report.cut += not outcome.has_left
    _compare(report, outcome, booked)


def _compare(report: Report, outcome: Outcome, booked: BookedRecord | None) -> None:
    if outcome.model != ECHO:
        return  # its words are not tokens
    billed = booked.record.usage.output_tokens if booked is not None else 0
    excess = billed - outcome.seen.words
    if excess > 0 and booked is not None and not outcome.has_left:
        # A client that leaves pays for what was made until it was noticed; others do not.
        report.overbilled += excess
        report.dearest.append(f"{outcome} was billed {billed} ({booked.record.outcome})")
    lost = max(0, -excess)
    report.unbilled += lost
    report.unbilled_max = max(report.unbilled_max, lost)


def run_storm(home: Path, *, kills: int, seed: int) -> Report:
    """As many lives as ``kills``, and the verdict."""
    storm = Storm(home, seed=seed)

    async def live() -> None:
        for number in range(kills):
            await storm.life()
            if number % 20 == 19:
                sys.stderr.write(f"storm: {number + 1} kills, {len(storm.outcomes)} answers\n")

    asyncio.run(live())
    storm.close()
    return storm.report
