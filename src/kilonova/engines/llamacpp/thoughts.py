"""How a chat template lets its model think, and how a request says what it wants of that.

Which words a template has is read in its text. Whether it opens a thought by itself, so that the
model begins inside it, is seen when it is rendered. Without a word of its own for effort, an effort
is a part of the answer's tokens: the engine ends a thought that has used them up.
"""

from typing import Literal

from msgspec import Struct

from kilonova.core.chat import ChatRequest, Effort, Thinking
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import ThinkingControl
from kilonova.engines.openai.body import Body

__all__ = [
    "CLOSED_THOUGHT",
    "CLOSING_THOUGHT",
    "OPENING_THOUGHT",
    "Beginning",
    "Thoughts",
    "controls_of",
    "is_in_thought",
    "switched",
]

OPENING_THOUGHT = "<think>"
CLOSING_THOUGHT = "</think>"
CLOSED_THOUGHT = f"\n{CLOSING_THOUGHT}\n\n"  # behind an opening mark: a thought without a word

_SWITCH = "enable_thinking"
_EFFORT = "reasoning_effort"
_EARLIER = "reasoning_content"

# With 0 the engine (2026-10) loses the first token of the mark that ends the thought.
_BUDGET_MIN = 1
_BUDGET_MAX = (1 << 31) - 1  # it counts in 32 bits

_TEMPLATE_EFFORTS: dict[Effort, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "max": "high",
}
_SHARES: dict[Effort, float] = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8}


def controls_of(template: str) -> tuple[ThinkingControl, ...]:
    """What can be said about the thoughts of a model with this template; nothing: it has none."""
    has_marks = CLOSING_THOUGHT in template
    found: list[ThinkingControl] = []
    if _SWITCH in template or has_marks:
        found.append("switch")
    if _EFFORT in template or has_marks:
        found.append("effort")
    if has_marks:
        found.append("budget")
    return tuple(found)


def switched(*, is_on: bool) -> Body:
    """How the engine is told to think or not to; it knows the word of each template."""
    return {"chat_template_kwargs": {_SWITCH: is_on}}


def is_in_thought(rendered: str) -> bool:
    """Whether a prompt ends inside a thought."""
    return rendered.rfind(OPENING_THOUGHT) > rendered.rfind(CLOSING_THOUGHT)


# ``empty``: the template itself wrote a thought without a word, which the engine repeats.
Beginning = Literal["text", "empty", "thought", "either"]


class Thoughts(Struct, frozen=True, kw_only=True):
    """``has_switch``: whether the template obeys when it is told to think or not to.

    ``opens`` and ``opens_by_default``: whether an answer begins inside a thought, when thinking is
    on and when nothing is said about it. ``opens_always``: even one that goes on.
    """

    template: str
    has_switch: bool = False
    opens: bool = False
    opens_by_default: bool = False
    opens_always: bool = False

    @property
    def has_marks(self) -> bool:
        return CLOSING_THOUGHT in self.template

    @property
    def reads_earlier(self) -> bool:
        """Whether the template has a place for the thoughts of earlier answers."""
        return _EARLIER in self.template

    def begin(self, request: ChatRequest) -> Beginning:
        """How the answer begins. One that goes on is past its thought."""
        if not self.has_marks or request.continues_last:
            return "text"
        if self._is_off(request.thinking) and self.has_switch:
            return "empty"
        is_open = self.opens_by_default if request.thinking.is_on is None else self.opens
        return "thought" if is_open else "either"

    def fields(self, request: ChatRequest) -> Body:
        """What the engine is told. Raises InvalidRequest for what the template has no word for."""
        thinking = request.thinking
        self._check(request)
        if not controls_of(self.template):
            return {}
        fields: Body = {"reasoning_format": "none"} if self.has_marks else {}
        if request.continues_last:
            return fields
        if self._is_off(thinking):
            return fields | self._off()
        if thinking.is_on and self.has_switch:
            fields |= switched(is_on=True)
        if thinking.effort is not None and _EFFORT in self.template:
            fields[_EFFORT] = _TEMPLATE_EFFORTS[thinking.effort]
        if (budget := self._budget(request)) is not None:
            fields |= _limit(budget)
        return fields

    def _is_off(self, thinking: Thinking) -> bool:
        return thinking.is_on is False or thinking.budget_tokens == 0

    def _off(self) -> Body:
        """A thought that cannot be left out ends where it begins."""
        if self.has_switch:
            return switched(is_on=False)
        return _limit(0) if self.has_marks else {}

    def _budget(self, request: ChatRequest) -> int | None:
        thinking, most = request.thinking, request.max_output_tokens
        budget = thinking.budget_tokens
        if thinking.effort is None or _EFFORT in self.template or most is None:
            return budget
        share = _SHARES.get(thinking.effort)
        if share is None:
            return budget
        return min(int(most * share), most if budget is None else budget)

    def _check(self, request: ChatRequest) -> None:
        thinking, controls = request.thinking, controls_of(self.template)
        if thinking.is_on and request.continues_last:
            raise InvalidRequest(
                "An answer that is begun already cannot be thought about first.", param="thinking"
            )
        if thinking.is_on and not controls:
            raise _no_word("turned on")
        if thinking.is_on is False and controls and "switch" not in controls:
            raise _no_word("turned off")
        if thinking.effort is not None and "effort" not in controls:
            raise _no_word("given an effort")
        if thinking.budget_tokens is not None and "budget" not in controls:
            raise _no_word("given a budget")


def _limit(budget_tokens: int) -> Body:
    return {
        "reasoning_budget_tokens": min(max(_BUDGET_MIN, budget_tokens), _BUDGET_MAX),
        "reasoning_budget_start_tag": OPENING_THOUGHT,
        "reasoning_budget_end_tags": [CLOSING_THOUGHT],
    }


def _no_word(what: str) -> InvalidRequest:
    return InvalidRequest(f"The thinking of this model cannot be {what}.", param="thinking")
