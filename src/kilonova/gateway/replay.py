"""Retries of one request, by its idempotency key: run once, billed once, answered again.

Kept in memory for ten minutes and bounded in number and size. Only complete answers are kept: a
request that failed or was cut off runs again.
"""

import asyncio
import hashlib
from collections import OrderedDict

from kilonova.core.clock import Clock
from kilonova.core.errors import Conflict
from kilonova.core.events import (
    ChatAnswer,
    ChatEvent,
    ChatFinished,
    ChatStarted,
    Choice,
    ChoiceFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    fold,
)
from kilonova.core.usage import UsageRecord

__all__ = ["Attempt", "Replays"]

_Key = tuple[str, str]


class Attempt:
    """The first run of a keyed request. ``ended`` is set when it finished, well or not."""

    def __init__(self, digest: bytes, expires_s: float) -> None:
        self.digest = digest
        self.expires_s = expires_s
        self.ended = asyncio.Event()
        self.events: tuple[ChatEvent, ...] = ()
        self.record: UsageRecord | None = None


class Replays:
    """``answer_bytes_max`` bounds one kept answer, ``answers_max`` their number."""

    def __init__(
        self,
        clock: Clock,
        *,
        kept_s: float = 600.0,
        answers_max: int = 512,
        answer_bytes_max: int = 16_384,
    ) -> None:
        self._clock = clock
        self._kept_s = kept_s
        self._answers_max = answers_max
        self._answer_bytes_max = answer_bytes_max
        self._attempts: OrderedDict[_Key, Attempt] = OrderedDict()

    async def find(self, key: _Key, body: bytes) -> Attempt | None:
        """The finished first attempt; None when the caller must run (and is now the first).

        A twin that is still running is waited for. Raises Conflict when the body differs.
        """
        digest = hashlib.sha256(body).digest()
        while True:
            attempt = self._attempts.get(key)
            if attempt is None or attempt.expires_s < self._clock.monotonic_s():
                self._begin(key, digest)
                return None
            if attempt.digest != digest:
                raise Conflict(
                    "This idempotency key was used with a different request. Use a new key for a "
                    "new request.",
                    param="Idempotency-Key",
                )
            if attempt.record is not None:
                return attempt
            await attempt.ended.wait()

    def _begin(self, key: _Key, digest: bytes) -> None:
        self._attempts[key] = Attempt(digest, self._clock.monotonic_s() + self._kept_s)
        self._attempts.move_to_end(key)
        if len(self._attempts) > self._answers_max:
            # Never one that runs: its twins wait for it. Those are as many as requests in flight.
            ended = (name for name, each in self._attempts.items() if each.ended.is_set())
            if (oldest := next(ended, None)) is not None:
                del self._attempts[oldest]

    def finish(self, key: _Key, events: list[ChatEvent], record: UsageRecord | None) -> None:
        """Keeps a complete answer, or forgets the attempt so that a retry runs again."""
        attempt = self._attempts.get(key)
        if attempt is None or attempt.ended.is_set():
            return
        if record is not None and record.outcome == "completed":
            answer = fold(events)
            if _size(answer) <= self._answer_bytes_max:
                attempt.events = tuple(_unfold(answer))
                attempt.record = record
        attempt.ended.set()
        if attempt.record is None:
            del self._attempts[key]


def _size(answer: ChatAnswer) -> int:
    return sum(
        len(choice.text) + len(choice.reasoning) + 200 * len(choice.logprobs)
        + sum(len(call.arguments) for call in choice.tool_calls)
        for choice in answer.choices
    )  # fmt: skip


def _unfold(answer: ChatAnswer) -> list[ChatEvent]:
    """The shortest stream that folds to the same answer."""
    usage = answer.usage
    events: list[ChatEvent] = [ChatStarted(usage.prompt_tokens, usage.cache_read_tokens)]
    for index, choice in enumerate(answer.choices):
        events.extend(_unfold_choice(index, choice, usage.output_tokens))
    events.append(ChatFinished(usage))
    return events


def _unfold_choice(index: int, choice: Choice, tokens: int) -> list[ChatEvent]:
    events: list[ChatEvent] = []
    if choice.reasoning:
        events.append(ReasoningDelta(choice.reasoning, tokens, index))
    if choice.text or choice.logprobs:
        events.append(TextDelta(choice.text, tokens, index, choice.logprobs))
    for number, call in enumerate(choice.tool_calls):
        events.append(ToolCallStarted(number, call.id, call.name, tokens, index))
        events.append(ToolCallDelta(number, call.arguments, tokens, index))
    events.append(ChoiceFinished(choice.reason, tokens, index, choice.stop_sequence))
    return events
