"""Google's words for thinking → the platform's. Pure."""

from collections.abc import Mapping

from kilonova.core.chat import Effort, Thinking
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.gemini.schema import ThinkingConfig
from kilonova.gateway.abilities import thinking_ignored

__all__ = ["decode_thinking", "unheeded"]

_PLACE = "generationConfig.thinkingConfig"
_LEVELS: Mapping[str, Effort | None] = {
    "THINKING_LEVEL_UNSPECIFIED": None,
    "MINIMAL": "minimal",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "XHIGH": "max",
}
# What is said by a number: not at all, and as the model likes.
_OFF = 0
_AUTOMATIC = -1
# Where this wire says what the core's ``Thinking`` says.
_FIELDS = {"effort": "thinkingLevel", "is_on": "thinkingBudget", "budget_tokens": "thinkingBudget"}


def decode_thinking(config: ThinkingConfig | None) -> Thinking:
    """Raises InvalidRequest for words that contradict each other."""
    if config is None:
        return Thinking()
    budget, effort = config.thinking_budget, _effort(config.thinking_level)
    if budget is None:
        return Thinking(effort=effort)
    if effort is not None:
        raise InvalidRequest(
            "You can only set only one of thinking budget and thinking level.",
            param=f"{_PLACE}.thinkingLevel",
        )
    if budget < _AUTOMATIC:
        raise InvalidRequest(
            f"The thinking budget {budget} is invalid. Please choose a number of tokens, 0 for "
            "none or -1 for as many as the model likes.",
            param=f"{_PLACE}.thinkingBudget",
        )
    if budget == _OFF and config.include_thoughts:
        raise InvalidRequest(
            "Thinking_config.include_thoughts is only enabled when thinking is enabled.",
            param=f"{_PLACE}.includeThoughts",
        )
    return Thinking(is_on=budget != _OFF, budget_tokens=budget if budget > _OFF else None)


def _effort(level: str | None) -> Effort | None:
    if level is None:
        return None
    try:
        return _LEVELS[level.upper()]
    except KeyError:
        raise InvalidRequest(
            f"Invalid value at '{_PLACE}.thinkingLevel': '{level[:64]}' is none of "
            f"{', '.join(_LEVELS)}.",
            param=f"{_PLACE}.thinkingLevel",
        ) from None


def unheeded(thinking: Thinking, model: Model) -> set[str]:
    """The fields that change nothing with this model, by their paths."""
    return {f"{_PLACE}.{_FIELDS[name]}" for name in thinking_ignored(model, thinking)}
