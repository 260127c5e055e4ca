"""Proves on a child that has just started that it keeps callers apart; else it gets no requests.

Settings can be lost in an update of the engine, and a lost one is silent: callers would read each
other's prompts faster, or read each other's answers. So each promise is tried out: a slot keeps
text and loses it when erased, no slot knows what another read, nothing is kept beside the slots,
prompts that run side by side get the answers that they get alone, and nobody is served without the
internal key.
"""

import asyncio
import math

import msgspec

from kilonova.core.errors import EngineFailed, KilonovaError
from kilonova.engines.llamacpp.server import ChildServer
from kilonova.engines.openai.chunks import Timings

__all__ = ["SelfTestFailed", "prove_isolation"]

_WORDS = 8

# Log-probabilities of one prompt were equal to the last bit alone and beside others (measured); the
# margin is for engines that add up in another order. Those of two prompts differ by 0.4 and more.
_LOGPROB_NOISE = 0.25


class SelfTestFailed(Exception):
    """The child must not serve; the message says which promise it broke."""


class _Top(msgspec.Struct, frozen=True):
    id: int
    logprob: float | None = None


class _Position(msgspec.Struct, frozen=True):
    top_logprobs: list[_Top] = []


class _Logprobs(msgspec.Struct, frozen=True):
    content: list[_Position] = []


class _Choice(msgspec.Struct, frozen=True):
    logprobs: _Logprobs | None = None


class _Answer(msgspec.Struct, frozen=True):
    choices: list[_Choice]
    timings: Timings

    def logprobs(self) -> dict[int, float]:
        found = self.choices[0].logprobs
        tops = found.content[0].top_logprobs if found and found.content else []
        return {top.id: top.logprob for top in tops if top.logprob is not None}


async def prove_isolation(server: ChildServer, slots: int) -> None:
    """Raises SelfTestFailed with the promise that does not hold; leaves all slots empty."""
    try:
        await _prove_key(server)
        await _prove_erasure(server)
        await _prove_separate_slots(server, slots)
        await _prove_no_cross_talk(server, slots)
        await _prove_blindness(server, slots)
        await _erase_all(server, slots)
    except KilonovaError as error:
        raise SelfTestFailed(f"the self-test could not be done: {error.message}") from error


async def _prove_key(server: ChildServer) -> None:
    try:
        await server.ask_without_key("/slots")
    except EngineFailed:
        return
    raise SelfTestFailed("the child answers without its key")


async def _prove_erasure(server: ChildServer) -> None:
    prompt = _prompt(0)
    await _answer(server, prompt, slot=0)
    again = await _answer(server, prompt, slot=0)
    if not again.timings.cache_n:
        raise SelfTestFailed("a slot does not keep its text: slots are not chosen by id_slot")
    await server.erase(0)
    erased = await _answer(server, prompt, slot=0)
    if erased.timings.cache_n:
        raise SelfTestFailed(f"an erased slot still knew {erased.timings.cache_n} tokens")


async def _prove_separate_slots(server: ChildServer, slots: int) -> None:
    """Slot 0 holds the prompt now."""
    for slot in range(1, slots):
        answer = await _answer(server, _prompt(0), slot=slot)
        if answer.timings.cache_n:
            raise SelfTestFailed(
                f"slot {slot} knew {answer.timings.cache_n} tokens that only another slot had read"
            )


async def _prove_no_cross_talk(server: ChildServer, slots: int) -> None:
    alone: list[_Answer] = []
    for slot in range(slots):
        await server.erase(slot)
        alone.append(await _answer(server, _prompt(slot + 1), slot=slot))
        await server.erase(slot)
    together = await asyncio.gather(
        *(_answer(server, _prompt(slot + 1), slot=slot) for slot in range(slots))
    )
    for slot, (one, other) in enumerate(zip(alone, together, strict=True)):
        if other.timings.cache_n or one.timings.prompt_n != other.timings.prompt_n:
            raise SelfTestFailed(f"slot {slot} read another prompt than it was sent")
        if _distance(one.logprobs(), other.logprobs()) > _LOGPROB_NOISE:
            raise SelfTestFailed(f"slot {slot} answered differently beside other prompts")


async def _prove_blindness(server: ChildServer, slots: int) -> None:
    """Left to itself, the child neither seeks a slot by content nor keeps text beside its slots.

    Requests always name their slot; this proves the settings that would matter if one did not.
    """
    await _erase_all(server, slots)
    await _answer(server, _prompt(0), slot=None)
    if (await _answer(server, _prompt(0), slot=None)).timings.cache_n and slots > 1:
        raise SelfTestFailed("the child chose a slot by its content")
    for number in range(slots):
        await _answer(server, _prompt(number + 1), slot=None)
    await _erase_all(server, slots)
    if (await _answer(server, _prompt(0), slot=None)).timings.cache_n:
        raise SelfTestFailed("the child keeps text outside its slots")


async def _erase_all(server: ChildServer, slots: int) -> None:
    for slot in range(slots):
        await server.erase(slot)


def _distance(one: dict[int, float], other: dict[int, float]) -> float:
    """The largest difference of the likely tokens that both lists name; infinite without any."""
    both = one.keys() & other.keys()
    return max((abs(one[token] - other[token]) for token in both), default=math.inf)


def _prompt(number: int) -> str:
    """Prompts that differ from the first word on."""
    return " ".join(f"{chr(97 + (number * 5 + word) % 26) * 3}{number}" for word in range(_WORDS))


async def _answer(server: ChildServer, prompt: str, *, slot: int | None) -> _Answer:
    body: dict[str, object] = {
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 10,
        "cache_prompt": True,
        # Of half a character the engine tells no probabilities; those told are from before this.
        "grammar": "root ::= [ -~]+",
    }
    if slot is not None:
        body["id_slot"] = slot
    received = await server.ask("/v1/chat/completions", msgspec.json.encode(body))
    return msgspec.json.decode(received, type=_Answer)
