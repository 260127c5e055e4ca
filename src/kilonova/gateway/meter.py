"""The meter: passes an engine's events on, and settles the permit exactly once, however it ends.

It checkpoints the delivered count at least every 100 ms without holding the stream back: each time
the count of the time before, whose bytes have left the process by then. After a crash the last
durable checkpoint is billed, never more than was delivered.
"""

import logging
from asyncio import Future
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol, TypeVar, cast

from kilonova.core.clock import Clock
from kilonova.core.errors import Overloaded
from kilonova.core.events import ChatBegun, ChatEvent, ChatFinished, ChatStarted, EngineEvent
from kilonova.core.ports import CostMeter, Ledger, Work
from kilonova.core.usage import Cost, Outcome, Usage, UsageRecord
from kilonova.gateway.admission import Admission
from kilonova.gateway.finisher import Finisher
from kilonova.gateway.permit import Permit
from kilonova.gateway.work import Works
from kilonova.telemetry.log import log_event
from kilonova.telemetry.trace import Trace

__all__ = ["Meter"]

_CHECKPOINT_S = 0.1
_FOR_THE_METER: frozenset[type] = frozenset({ChatBegun})


class _Whole(Protocol):
    """An answer that comes in one piece, such as vectors or labels."""

    @property
    def input_tokens(self) -> int: ...


_Counted = TypeVar("_Counted", bound=_Whole)


class _Tally:
    """What a stream used so far, by its own events."""

    __slots__ = ("final", "outputs", "started")

    def __init__(self) -> None:
        self.started: ChatStarted | None = None
        self.outputs: dict[int, int] = {}
        self.final: Usage | None = None

    @property
    def usage(self) -> Usage:
        """The engine's own sum once it gave one; before that, what its events add up to."""
        if self.final is not None:
            return self.final
        if self.started is None:
            return Usage()
        read = self.started.cache_read_tokens
        return Usage(
            input_tokens=self.started.input_tokens - read,
            cache_read_tokens=read,
            output_tokens=sum(self.outputs.values()),
        )


class Meter:
    """Knows how to settle; one for all requests. ``on_settled`` is told every record. ``finisher``
    reads what must be read to its end before it can be settled.

    Without ``costs`` what requests take is not known."""

    def __init__(
        self,
        ledger: Ledger,
        admission: Admission,
        clock: Clock,
        *,
        costs: CostMeter | None = None,
        on_settled: Callable[[UsageRecord], None] | None = None,
        finisher: Finisher | None = None,
    ) -> None:
        self._ledger = ledger
        self._admission = admission
        self._clock = clock
        self._costs = costs or Works({}, {})
        self._on_settled = on_settled
        self._finisher = finisher or Finisher()

    async def read_whole(
        self, events: AsyncGenerator[ChatEvent, None], trace: Trace
    ) -> AsyncGenerator[ChatEvent, None]:
        """As ``Finisher.read``."""
        return await self._finisher.read(events, trace)

    async def watch(
        self, permit: Permit, events: AsyncIterator[EngineEvent], *, choices: int = 1
    ) -> AsyncGenerator[ChatEvent, None]:
        """The same events; the first and the last wait for permit and settlement to be on disk."""
        tally, trace = _Tally(), permit.trace
        outputs = tally.outputs
        work = self._open(permit, choices)
        outcome: Outcome = "cancelled"
        monotonic_s, request_id = self._clock.monotonic_s, permit.hold.request_id
        checkpointed_s = monotonic_s()
        passed_on: Usage | None = None
        settled: Future[None] | None = None
        is_durable = is_whole = False
        try:
            # What is for the meter comes first if at all, so it is looked for only there.
            async with aclosing(cast(AsyncGenerator[ChatEvent, None], events)) as source:
                async for event in source:
                    if not is_durable:
                        if type(event) in _FOR_THE_METER:
                            is_whole = _take_up(work, event)
                            continue
                        work.write()
                        # The engine is at work already; no byte of its answer leaves before this.
                        await permit.durable
                        is_durable = True
                        if not is_whole:
                            trace.note_first_event()
                    if isinstance(event, ChatFinished):
                        tally.final = event.usage
                        outcome = "completed"
                        continue  # the engine's stream ends by itself: nothing is left to close
                    if not trace.is_whole and monotonic_s() - checkpointed_s >= _CHECKPOINT_S:
                        # What was passed on may wait in buffers still; what was passed on by the
                        # time of the checkpoint before has left.
                        if passed_on is not None:
                            self._ledger.checkpoint(request_id, passed_on)
                        passed_on, checkpointed_s = tally.usage, monotonic_s()
                    if isinstance(event, ChatStarted):
                        tally.started = event
                    else:
                        outputs[event.choice] = event.output_tokens
                    yield event
            await permit.durable
            trace.note_last_event()
            settled = self._settle(permit, work, usage=tally.usage, outcome=outcome)
            await _on_disk(settled)
            trace.note_commit()
            yield ChatFinished(tally.usage)
        except Exception:
            outcome = "failed"
            raise
        finally:
            if settled is None:
                # Of an answer in one piece that broke nobody got anything.
                used = Usage() if is_whole else tally.usage
                self._abandon(permit, work, usage=used, outcome=outcome)

    def _open(self, permit: Permit, choices: int = 1) -> Work:
        tokens = permit.hold.input_tokens
        return self._costs.open(permit.model, input_tokens=tokens, choices=choices)

    def _abandon(self, permit: Permit, work: Work, *, usage: Usage, outcome: Outcome) -> None:
        """Settles without waiting: the caller is gone or about to get an error.

        A permit that the ledger refused was never on its books, so there is nothing to book.
        """
        if _was_refused(permit.durable):
            work.end(usage)
            self._admission.release(permit)
            return
        permit.durable.add_done_callback(_notice)
        self._settle(permit, work, usage=usage, outcome=outcome).add_done_callback(_report)

    async def watch_whole(self, permit: Permit, answering: Awaitable[_Counted]) -> _Counted:
        """The same answer, once permit and settlement are on disk. Nothing of it leaves before."""
        work = self._open(permit)
        settled: Future[None] | None = None
        outcome: Outcome = "cancelled"
        try:
            work.begin()
            answer = await answering
            await permit.durable
            permit.trace.note_first_event()
            permit.trace.note_last_event()
            usage = Usage(input_tokens=answer.input_tokens)
            settled = self._settle(permit, work, usage=usage, outcome="completed")
            await _on_disk(settled)
            permit.trace.note_commit()
            return answer
        except Exception:
            outcome = "failed"
            raise
        finally:
            if settled is None:
                self._abandon(permit, work, usage=Usage(), outcome=outcome)

    def _settle(
        self, permit: Permit, work: Work, *, usage: Usage, outcome: Outcome
    ) -> "Future[None]":
        record = self._record(permit, usage, outcome, cost=work.end(usage))
        permit.trace.record = record
        self._admission.settle(permit, record)
        settled = self._ledger.settle(record)
        if self._on_settled is not None:
            self._on_settled(record)
        return settled

    def _record(self, permit: Permit, usage: Usage, outcome: Outcome, *, cost: Cost) -> UsageRecord:
        hold, trace = permit.hold, permit.trace
        full_nano = hold.price.charge(usage)
        # The hold is the ceiling: what an engine used beyond it is the provider's own cost.
        price_nano = min(full_nano, hold.held_nano)
        first_ms = None
        if trace.first_event_s is not None:
            first_ms = round((trace.first_event_s - trace.started_s) * 1000)
        return UsageRecord(
            request_id=hold.request_id,
            organisation_id=hold.organisation_id,
            project_id=hold.project_id,
            key_id=hold.key_id,
            model_id=hold.model_id,
            dialect=hold.dialect,
            outcome=outcome,
            usage=usage,
            price_nano=price_nano,
            currency=hold.price.currency,
            price_version=hold.price.version,
            started_ms=hold.started_ms,
            finished_ms=round(self._clock.now_s() * 1000),
            first_token_ms=first_ms,
            shortfall_nano=full_nano - price_nano,
            engine=hold.engine,
            service_tier=hold.service_tier,
            cost=cost,
        )


def _take_up(work: Work, event: object) -> bool:
    """Whether nothing will be told before the end. Most of the time is writing, then."""
    is_whole = isinstance(event, ChatBegun) and event.is_whole
    if is_whole:
        work.write()
    else:
        work.begin()
    return is_whole


async def _on_disk(settled: "Future[None]") -> None:
    """Waits for a settlement. The ledger keeps and retries one that the store cannot take now, and
    the answer was paid for, so a full disk does not take it away from the caller."""
    try:
        await settled
    except Overloaded as error:
        log_event(logging.ERROR, "settlement_delayed", detail=error.message)


def _report(settled: "Future[None]") -> None:
    """As ``_on_disk``, where nobody waits."""
    if not settled.cancelled() and (error := settled.exception()) is not None:
        log_event(logging.ERROR, "settlement_delayed", detail=str(error))


def _was_refused(reserved: "Future[None]") -> bool:
    return reserved.done() and not reserved.cancelled() and reserved.exception() is not None


def _notice(reserved: "Future[None]") -> None:
    """A reservation that failed after its request had: the request told the caller already."""
    if not reserved.cancelled():
        reserved.exception()
