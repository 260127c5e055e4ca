"""Retries of one request, by its idempotency key: run once, billed once, answered again.

Kept in memory for ten minutes and bounded in number and size. Only complete answers are kept: a
request that failed or was cut off runs again.
"""

import asyncio
import hashlib
from array import array
from collections import OrderedDict
from itertools import islice

from kilonova.core.clock import Clock
from kilonova.core.embedding import EmbeddingAnswer
from kilonova.core.errors import Conflict, InvalidRequest
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
from kilonova.gateway.call import Caller

__all__ = ["Attempt", "Replays", "replay_key"]

_Key = tuple[str, str]

_KEY_LENGTH_MAX = 255


def replay_key(caller: Caller, kind: str = "") -> _Key:
    """Names the retries of one request, or raises InvalidRequest. ``kind`` keeps apart calls whose
    bodies may be the same."""
    name = caller.call.idempotency_key or ""
    if len(name) > _KEY_LENGTH_MAX:
        raise InvalidRequest(
            f"An idempotency key has at most {_KEY_LENGTH_MAX} characters.",
            param="Idempotency-Key",
        )
    return caller.principal.key_id, f"{caller.call.dialect} {kind} {name}"


class Attempt:
    """The first run of a keyed request. ``ended`` is set when it finished, well or not."""

    def __init__(self, digest: bytes, expires_s: float) -> None:
        self.digest = digest
        self.expires_s = expires_s
        self.ended = asyncio.Event()
        self.events: tuple[ChatEvent, ...] = ()
        self.vectors: tuple[array[float], ...] = ()
        self.whole: object = None
        self.size = 0  # bytes of what is kept
        self.record: UsageRecord | None = None

    @property
    def embedding(self) -> EmbeddingAnswer:
        """The answer to a request for vectors."""
        assert self.record is not None, "only a finished attempt is answered again"
        return EmbeddingAnswer(
            vectors=tuple([tuple(vector) for vector in self.vectors]),
            input_tokens=self.record.usage.input_tokens,
        )


class Replays:
    """``answer_bytes_max`` bounds one kept answer, ``answers_max`` their number, and ``bytes_max``
    all of them together: the oldest make room."""

    def __init__(
        self,
        clock: Clock,
        *,
        kept_s: float = 600.0,
        answers_max: int = 512,
        answer_bytes_max: int = 8_388_608,
        bytes_max: int = 33_554_432,
    ) -> None:
        self._clock = clock
        self._kept_s = kept_s
        self._answers_max = answers_max
        self._answer_bytes_max = answer_bytes_max
        self._bytes_max = bytes_max
        self._kept_bytes = 0
        self._attempts: OrderedDict[_Key, Attempt] = OrderedDict()

    async def find(self, key: _Key, body: bytes) -> Attempt | None:
        """The finished first attempt; None when the caller must run (and is now the first).

        A twin that is still running is waited for. Raises Conflict when the body differs.
        """
        digest = hashlib.sha256(body).digest()
        while True:
            attempt = self._attempts.get(key)
            if attempt is None or self._is_expired(attempt):
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
        self._forget(key)
        self._attempts[key] = Attempt(digest, self._clock.monotonic_s() + self._kept_s)
        # Never one that runs: its twins wait for it. Those are as many as requests in flight.
        ended = (name for name, each in self._attempts.items() if each.ended.is_set())
        surplus = max(0, len(self._attempts) - self._answers_max)
        for name in list(islice(ended, surplus)):
            self._forget(name)

    def _forget(self, key: _Key) -> None:
        attempt = self._attempts.pop(key, None)
        if attempt is not None:
            self._kept_bytes -= attempt.size

    def _is_expired(self, attempt: Attempt) -> bool:
        return attempt.ended.is_set() and attempt.expires_s < self._clock.monotonic_s()

    def finish(self, key: _Key, events: list[ChatEvent], record: UsageRecord | None) -> None:
        """Keeps a complete answer, or forgets the attempt so that a retry runs again."""
        attempt = self._attempts[key]
        try:
            if record is not None and record.outcome == "completed":
                # A caller who left while the settlement was written never saw the last event.
                answer = fold([*events, ChatFinished(record.usage)])
                size = _size(answer)
                if self._make_room(size):
                    attempt.events = tuple(_unfold(answer))
                    attempt.size, attempt.record = size, record
                    self._kept_bytes += size
        finally:
            self._end(key, attempt)

    def finish_embedding(
        self, key: _Key, answer: EmbeddingAnswer | None, record: UsageRecord | None
    ) -> None:
        """As ``finish``, for vectors."""
        attempt = self._attempts[key]
        if answer is not None:
            vectors = tuple([array("d", vector) for vector in answer.vectors])
            size = sum(len(vector) * vector.itemsize for vector in vectors)
            if self._make_room(size):
                attempt.vectors, attempt.size, attempt.record = vectors, size, record
                self._kept_bytes += size
        self._end(key, attempt)

    def finish_whole(
        self, key: _Key, answer: object, *, size: int, record: UsageRecord | None
    ) -> None:
        """As ``finish``, for any other answer of one piece, such as labels; None: it failed."""
        attempt = self._attempts[key]
        if answer is not None and self._make_room(size):
            attempt.whole, attempt.size, attempt.record = answer, size, record
            self._kept_bytes += size
        self._end(key, attempt)

    def _make_room(self, size: int) -> bool:
        """False where answers of this size are not kept at all."""
        if size > min(self._answer_bytes_max, self._bytes_max):
            return False
        for name, attempt in list(self._attempts.items()):
            if self._kept_bytes + size <= self._bytes_max:
                break
            if attempt.size:
                self._forget(name)
        return True

    def _end(self, key: _Key, attempt: Attempt) -> None:
        attempt.ended.set()
        if attempt.record is None:
            self._forget(key)


def _size(answer: ChatAnswer) -> int:
    return sum(
        len(choice.text) + len(choice.reasoning)
        + sum(200 * (1 + len(token.alternatives)) for token in choice.logprobs)
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
